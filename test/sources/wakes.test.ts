/** Who wakes the reader. Nothing here is swept: what no watch speaks of is not found. */
import { closeSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemWakes } from '../../src/sources/wakes.ts';
import type { WakeSource } from '../../src/sources/wakes.ts';
import { Bench, until } from '../support/files.ts';

/** More often than a watch must speak to be believed alone. */
const OFTEN = 40;
const NEVER_MS = 1e8;

let bench: Bench;
beforeEach(() => { bench = new Bench(); });
afterEach(() => bench.dispose());

it('what the watch of a busy file says is not said again by that of its folder, but of a quiet one, and of a busy one that was replaced', async () => {
  const changed: string[] = [];
  let stirred = 0;
  let spoken = 0;
  const wakes = systemWakes();
  wakes.start({ stirred: () => { stirred += 1; }, changed: (path) => changed.push(path), deaf: (code) => expect.fail(code) }, () => true);
  const [busy, quiet] = [bench.folder.write('busy.log', 'one\n'), bench.folder.write('quiet.log', 'one\n')];
  const fd = openSync(busy, 'r');
  try {
    wakes.folder(bench.folder.path);
    const unwatch = wakes.file(fd, busy, () => { spoken += 1; });
    const write = async (done: () => boolean): Promise<void> => {
      while (!done()) {
        bench.folder.append('busy.log', 'line\n');
        await turn();
      }
    };
    // A folder is watched some time after that was asked for, and its watch must have told of the file before that is busy.
    for (let times = 0; times < OFTEN / 2 && !changed.includes(busy); times++) {
      bench.folder.append('busy.log', 'line\n');
      await pause(100);
    }
    expect(changed).toContain(busy);
    await write(() => spoken > OFTEN);
    const heard = async (): Promise<readonly string[]> => {
      const before = changed.length;
      bench.folder.append('quiet.log', 'line\n');
      await until(() => changed.slice(before).includes(quiet));
      return changed.slice(before);
    };
    // What was said of the busy one before it was busy may come late; each of these rounds is longer than chokidar holds anything back.
    let alone = 0;
    for (let round = 0; round < 20 && alone < 5; round++) {
      const most = spoken + OFTEN;
      await write(() => spoken > most);
      alone = (await heard()).includes(busy) ? 0 : alone + 1;
    }
    expect(alone).toBe(5);
    const said = (): number => stirred + changed.filter((path) => path === busy).length;
    bench.folder.write('new', 'another\n');
    await heard();
    const replacedAt = said();
    renameSync(bench.folder.at('new'), busy);
    await until(() => said() > replacedAt);
    const since = changed.length;
    await write(() => changed.slice(since).includes(busy));
    unwatch();
  } finally {
    closeSync(fd);
    await wakes.close();
  }
});

const REPLACED: readonly (readonly [how: string, replace: (name: string) => void])[] = [
  ['another file is renamed over it', (name) => {
    bench.folder.write('next', 'new 1\n');
    renameSync(bench.folder.at('next'), bench.folder.at(name));
  }],
  ['it is removed and made again', (name) => {
    rmSync(bench.folder.at(name));
    bench.folder.write(name, 'new 1\n');
  }],
  ['it is rotated', (name) => {
    renameSync(bench.folder.at(name), bench.folder.at(`${name}.1`));
    bench.folder.write(name, 'new 1\n');
  }],
  ['its folder is moved away and made again', (name) => {
    renameSync(bench.folder.at('logs/pod'), bench.folder.at('logs/old'));
    mkdirSync(bench.folder.at('logs/pod'));
    bench.folder.write(name, 'new 1\n');
  }],
];

it.each(REPLACED)('a busy file: %s, and no watch misses it', async (_, replace) => {
  let spoken = 0;
  let changed = 0;
  const system = systemWakes();
  const wakes: WakeSource = {
    ...system,
    start(sleeper, concerns) {
      const listening = (path: string): void => {
        changed += 1;
        sleeper.changed(path);
      };
      system.start({ ...sleeper, changed: listening }, concerns);
    },
    file: (fd, path, wake) => system.file(fd, path, () => {
      spoken += 1;
      wake();
    }),
  };
  mkdirSync(bench.folder.at('logs/pod'), { recursive: true });
  bench.folder.write('logs/pod/a.log', 'old 1\n');
  bench.start(['logs/pod*/a.log'], { wakes, options: { sweepMs: NEVER_MS, busySweepMs: NEVER_MS } });
  const expected = ['old 1'];
  const more = (): void => {
    bench.folder.append('logs/pod/a.log', `more ${expected.length}\n`);
    expected.push(`more ${expected.length}`);
  };
  // As above; not so often that it is busy by then.
  for (let times = 0; times < OFTEN / 2 && changed === 0; times++) {
    more();
    await pause(100);
  }
  expect(changed).toBeGreaterThan(0);
  while (spoken < OFTEN) {
    more();
    await turn();
  }
  await bench.expectLines(expected);
  replace('logs/pod/a.log');
  await bench.expectLines([...expected, 'new 1']);
  bench.folder.append('logs/pod/a.log', 'new 2\n');
  await bench.expectLines([...expected, 'new 1', 'new 2']);
});
