/** What run says of each file that it was told to follow, before anything is read. */
import { mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Daemon, until } from '../real/program.ts';

test('one that is followed, one that is not there, one that is refused and a pattern are told apart', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'shimtrace-watching-'));
  const at = (name: string): string => join(folder.path, name);
  writeFileSync(at('there.log'), '');
  mkdirSync(at('folder.log'));
  const daemon = new Daemon(['there.log', 'absent.log', 'folder.log', '*.txt'].flatMap((name) => ['--file', at(name)]).concat('--otlp', 'http://127.0.0.1:9', '--state-dir', at('state')));
  try {
    await until(20_000, () => daemon.said.includes('State in'), () => daemon.said);
    const texts = daemon.said.split('\n').filter((line) => line.includes('"event":"watching"')).map((line) => String(JSON.parse(line).text).replace(`${folder.path}/`, ''));
    expect(texts).toEqual([
      'Watching there.log',
      'Watching absent.log (not there yet: followed as soon as it appears)',
      'Watching folder.log (not followed: it is a directory)',
      'Watching *.txt (pattern)',
    ]);
  } finally {
    await daemon.kill();
  }
});
