import { join } from 'node:path';
import { ROOT, SHORT, finish, median, report, uruncLog } from './support.ts';

interface Result {
  readonly lines: number;
  readonly cpu: number;
}

const result = (text: string): Result => JSON.parse(text);

/** Lines per CPU second of reading and folding, against a script that only takes differences. */
export async function bench(): Promise<void> {
  const log = await uruncLog(SHORT ? 20_000 : 1_000_000);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < (SHORT ? 1 : 5); round++) {
    const core = result((await finish(process.execPath, ['--max-semi-space-size=8', join(ROOT, 'test/bench/core.ts'), log.path])).stdout);
    const peer = result((await finish('python3', [join(ROOT, 'test/bench/measure.py'), log.path])).stdout);
    ours.push(core.lines / core.cpu);
    theirs.push(peer.lines / peer.cpu);
  }
  report('read and fold, lines per CPU second (median)', median(ours), 'lines/s', { at: 'least', value: 540_000 });
  report('a CPython script that takes differences, lines per CPU second', median(theirs), 'lines/s');
  report('ratio', median(ours) / median(theirs), 'x');
}
