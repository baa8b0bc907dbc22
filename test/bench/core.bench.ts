import { join } from 'node:path';
import { collectorSeconds } from './collector.ts';
import { ROOT, SHORT, finish, finishNode, median, report, uruncLog } from './support.ts';

interface Result {
  readonly lines: number;
  readonly cpu: number;
}

const result = (text: string): Result => JSON.parse(text);

/**
 * Lines per CPU second of reading and folding, against the Collector's file_log receiver with a JSON parser (it makes no
 * spans) and a script that only takes differences.
 */
export async function bench(): Promise<void> {
  const log = await uruncLog(SHORT ? 20_000 : 1_000_000);
  const ours: number[] = [], script: number[] = [], collector: number[] = [];
  for (let round = 0; round < (SHORT ? 1 : 5); round++) {
    const core = result((await finishNode(['--max-semi-space-size=4', '--max-old-space-size=144', join(ROOT, 'test/bench/core.ts'), log.path])).stdout);
    const peer = await finish('python3', [join(ROOT, 'test/bench/measure.py'), log.path]);
    const seconds = await collectorSeconds(log.path, log.lines);
    ours.push(core.lines / core.cpu);
    if (peer !== undefined) script.push(log.lines / result(peer.stdout).cpu);
    if (seconds !== undefined) collector.push(log.lines / seconds);
  }
  report('read and fold, lines per CPU second (median)', median(ours), 'lines/s');
  if (script.length === 0) process.stdout.write('  (no python3: that peer is left out)\n');
  else {
    report('a CPython script that takes differences, same log', median(script), 'lines/s');
    report('ratio', median(ours) / median(script), 'x');
  }
  if (collector.length === 0) return void process.stdout.write('  (no Collector among the test servers: that peer is left out)\n');
  report('the Collector: file_log and json_parser, same log', median(collector), 'lines/s');
  report('ratio', median(ours) / median(collector), 'x', { at: 'least', value: 2 });
}
