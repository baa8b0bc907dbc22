import { createWriteStream, existsSync, mkdirSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { interleaved, journalShort, session } from '../support/katawriter.ts';
import { Random } from '../support/random.ts';
import { ROOT, SHORT, finishNode, median, report } from './support.ts';

interface Result {
  readonly lines: number;
  readonly cpu: number;
  readonly peak: number;
}

const result = (text: string): Result => JSON.parse(text);

/** What kata-log-parser's last public source makes on a comparable file and machine: it sorts and prints, and makes no spans. */
const PEER = 3_600;

/** A journal of about `lines` lines of Kata 1.12, eight sandboxes at a time, made once. */
async function kataLog(lines: number): Promise<string> {
  mkdirSync(join(ROOT, '.cache/bench'), { recursive: true });
  const path = join(ROOT, '.cache/bench', `kata-${lines}.log`);
  if (existsSync(path) && statSync(path).size > 0) return path;
  const random = new Random(1);
  const out = createWriteStream(path);
  let at = 1_795_216_504_234_688_158n;
  let pid = 1_000;
  for (let written = 0; written < lines; ) {
    const sandboxes = Array.from({ length: 8 }, (_, index) =>
      session(random, { version: '1.12.1', kind: 'cold', at: at + BigInt(index) * 50_000_000n, behind: 9_000_000n, stop: true, further: index % 4 === 0 ? 1 : 0, pid: () => (pid = pid > 30_000 ? 1_000 : pid + 1) }));
    const part = interleaved(random, sandboxes);
    if (!out.write(part.map((line) => `${journalShort(line)}\n`).join(''))) await once(out, 'drain');
    written += part.length;
    at = (part.at(-1)?.time ?? at) + 60_000_000_000n;
  }
  out.end();
  await once(out, 'finish');
  return path;
}

/** Lines of Kata's four processes per CPU second, read, put in order and folded with both clocks. */
export async function bench(): Promise<void> {
  const path = await kataLog(SHORT ? 10_000 : 300_000);
  const rates: number[] = [];
  const peaks: number[] = [];
  for (let round = 0; round < (SHORT ? 1 : 5); round++) {
    const { lines, cpu, peak } = result((await finishNode(['--max-semi-space-size=4', '--max-old-space-size=144', join(ROOT, 'test/bench/core.ts'), path, 'kata-1'])).stdout);
    rates.push(lines / cpu);
    peaks.push(peak);
  }
  report('Kata 1.x read and folded, lines per CPU second (median)', median(rates), 'lines/s', { at: 'least', value: 150_000 });
  report('of what kata-log-parser makes of such a file', median(rates) / PEER, 'x', { at: 'least', value: 40 });
  report('peak resident memory', median(peaks), 'MiB', { at: 'most', value: 200e6 / 2 ** 20 });
}
