import { SHORT, finishNode, MAIN, MEASURED, report, startReceiver, uruncLog } from './support.ts';
import { outage } from './outage.ts';

/** An hour's outage of a busy host, and how fast its starts are delivered afterwards, against an import of the same log. */
export async function bench(): Promise<void> {
  const lines = SHORT ? 40_000 : 3_600_000;
  const result = await outage(lines);
  report(`traces delivered after ${result.lines.toLocaleString('en')} lines without a back-end`, result.delivered, 'traces', { at: 'least', value: result.starts });
  report('peak resident while the back-end is away', result.peakAway, 'MiB', { at: 'most', value: 143 });
  report('peak resident until all is delivered', result.peak, 'MiB', { at: 'most', value: 143 });
  report('on disk at its end', result.spooled, 'MiB', { at: 'most', value: 256 });
  const { path } = await uruncLog(lines);
  const receiver = await startReceiver('count');
  try {
    const { wall } = await finishNode([...MEASURED, MAIN, 'import', path, '--otlp', receiver.url]);
    report('delivered afterwards, by the speed of an import', wall / result.seconds, 'times', { at: 'least', value: 0.5 });
  } finally {
    receiver.child.kill();
  }
}
