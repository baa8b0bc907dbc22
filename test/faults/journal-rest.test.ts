/** A journal in which nothing is written, against a real journald. */
import { chmodSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Folder } from '../support/files.ts';
import { haveJournald, Journald } from '../support/journald.ts';
import { JournalRig } from '../support/journalrig.ts';
import { until } from './program.ts';

test.skipIf(!haveJournald)('nothing is written: it is looked for again and again, and nothing is said of it (needs root and systemd)', async () => {
  await using journald = await Journald.start();
  const folder = new Folder();
  const command = folder.write('journalctl', `#!/bin/sh\necho "$*" >> ${folder.at('calls')}\nexec journalctl "$@"\n`);
  chmodSync(command, 0o755);
  const looks = (): number => readFileSync(folder.at('calls'), 'utf8').split('\n').filter((call) => call.includes('--lines=1 ')).length;
  const rig = new JournalRig({ directory: journald.folder }, [], { command, timing: { quiet: 50 } });
  try {
    await until(10_000, () => rig.follower.following, () => JSON.stringify(rig.log.entries));
    const [before, said] = [looks(), rig.log.entries.length];
    await until(20_000, () => looks() >= before + 4, () => JSON.stringify([looks(), rig.follower.counters]));
    expect(rig.log.entries.slice(said)).toEqual([]);
    expect([rig.follower.following, rig.count('hangs'), rig.count('restarts')]).toEqual([true, 0, 0]);
  } finally {
    rig.follower.stop();
  }
});
