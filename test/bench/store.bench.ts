/** The memory of finished starts: what keeping one costs, and how long one waits for `ls` and `show` when there are a million. */
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { brief } from '../../src/engine/render/line.ts';
import { duration, nanos } from '../../src/model/time.ts';
import type { Trace } from '../../src/model/trace.ts';
import { storePath } from '../../src/store/file.ts';
import { Store } from '../../src/store/store.ts';
import { nameOf, written } from '../store/traces.ts';
import { finishNode, MAIN, median, report, ROOT, SHORT } from './support.ts';

const STARTS = SHORT ? 2_000 : 1_000_000;
const FOLDER = join(ROOT, '.cache/bench', `store-${STARTS}`);

export async function bench(): Promise<void> {
  fill();
  report('bytes on disk per start', statSync(storePath(FOLDER)).size / STARTS, 'B');
  const id = idOf(Math.floor(STARTS / 3));
  const commands: readonly (readonly [string, readonly string[]])[] = [
    ['ls', ['ls']], ['ls --failed', ['ls', '--failed']], ['ls --slow', ['ls', '--slow', '16ms']], ['ls --slow, none so slow', ['ls', '--slow', '1h']],
    ['ls --runtime', ['ls', '--runtime', 'urunc']], ['ls --container', ['ls', '--container', id.slice(0, 8)]], ['ls --since, none since', ['ls', '--since', '2040-01-01']],
    ['show', ['show']], ['show by container', ['show', id.slice(0, 12)]], ['show by trace', ['show', traceOf(Math.floor(STARTS / 3)).slice(0, 20)]], ['link', ['link', id.slice(0, 12)]],
  ];
  const version: number[] = [];
  const took = new Map<string, number[]>(commands.map(([name]) => [name, []]));
  for (let round = 0; round < (SHORT ? 1 : 9); round++) {
    version.push((await finishNode([MAIN, 'version'])).wall);
    for (const [name, args] of commands) took.get(name)?.push((await finishNode([MAIN, ...args, '--state-dir', FOLDER])).wall);
  }
  report('shimtrace version', median(version) * 1000, 'ms');
  for (const [name, walls] of took) report(`${name}, of ${STARTS.toLocaleString('en')}: times that`, median(walls) / median(version), 'x', { at: 'most', value: 3 });
}

const idOf = (index: number): string => (Math.imul(index + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0') + index.toString(16).padStart(8, '0');

const traceOf = (index: number): string => [...idOf(index)].reverse().join('').padEnd(32, 'f');

/** Starts that differ as those of a host do, one of a thousand incomplete. Made once. */
function fill(): void {
  if (existsSync(storePath(FOLDER))) return;
  const making = `${FOLDER}.new`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  const samples = written(500);
  const log = (level: string, event: string): void => {
    throw new Error(`${level}: ${event}`);
  };
  const store = new Store({ path: storePath(making), keep: duration(90 * 86_400e9), max: 2 ** 40, host: [['host.id', 'bench']], brief, nameOf, log, now: () => nanos(BigInt(Date.now()) * 1_000_000n) });
  const { user, system } = process.cpuUsage();
  for (let index = 0; index < STARTS; index++) store.add({ trace: variant(samples, index), live: true });
  store.flush();
  const used = process.cpuUsage({ user, system });
  store.close();
  report('CPU per start kept', (used.user + used.system) / STARTS, 'us');
  renameSync(making, FOLDER);
}

function variant(samples: readonly Trace[], index: number): Trace {
  const sample = samples[index % samples.length];
  if (sample === undefined) throw new Error('no samples');
  const id = idOf(index);
  return {
    ...sample, id: traceOf(index), container: id.padEnd(64, '0'), containers: [id.padEnd(64, '0')], at: nanos(sample.at + BigInt(index) * 1_000_000_000n),
    outcome: index % 1_000 === 0 ? 'incomplete' : 'ok',
  };
}
