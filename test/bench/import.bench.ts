import { join } from 'node:path';
import { MAIN, MEASURED, ROOT, SHORT, finishNode, median, report, startReceiver, uruncLog } from './support.ts';

/** `import` as a user calls it, whole process, against the stock exporter with ready-made spans. */
export async function bench(): Promise<void> {
  const log = await uruncLog(SHORT ? 20_000 : 1_000_000);
  const rates: number[] = [], stockRates: number[] = [], walls: number[] = [], stockWalls: number[] = [], peaks: number[] = [], lines: number[] = [];
  for (let round = 0; round < (SHORT ? 1 : 3); round++) {
    const receiver = await startReceiver();
    const ours = await finishNode([...MEASURED, MAIN, 'import', log.path, '--otlp', receiver.url, '--host-id', 'bench']);
    receiver.child.kill();
    const again = await startReceiver();
    const total = SHORT ? 20_000 : 1_000_000;
    const stock = await finishNode([join(ROOT, 'test/bench/stock.ts'), log.path, again.url, String(total), SHORT ? '5000' : '100000']);
    again.child.kill();
    const peer: { spans: number; cpu: number; wall: number } = JSON.parse(stock.stdout);
    const spans = spansOf(log.lines);
    rates.push(spans / ours.cpu);
    walls.push(spans / ours.wall);
    lines.push(log.lines / ours.wall);
    peaks.push(ours.peak);
    stockRates.push(peer.spans / peer.cpu);
    stockWalls.push(peer.spans / peer.wall);
  }
  report('import, lines per second (wall)', median(lines), 'lines/s');
  report('import, spans per CPU second (whole process)', median(rates), 'spans/s');
  report('stock exporter, same spans ready-made, per CPU second', median(stockRates), 'spans/s');
  report('ratio by CPU', median(rates) / median(stockRates), 'x', { at: 'least', value: 0.9 });
  report('ratio by wall clock', median(walls) / median(stockWalls), 'x', { at: 'least', value: 0.9 });
  report('import, peak resident memory', median(peaks), 'MiB', { at: 'most', value: 200 });
}

/** A complete start of generation C: 19 lines, 21 spans (20 where the version is open). */
const spansOf = (lines: number): number => (lines / 19) * 21;
