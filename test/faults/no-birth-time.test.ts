/** A file system that keeps no birth times, and other times in whole seconds: only bytes tell files apart. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { canInNamespace, Mounts, Rig } from './rig.ts';

/** ext2 with inodes of 128 bytes. */
const make = (image: string, folder: string): string =>
  `truncate -s 16M '${image}'; mkfs.ext2 -q -F -I 128 '${image}'; mkdir -p '${folder}'; mount -o loop '${image}' '${folder}'`;
const CAN_MAKE = canInNamespace(`mount -t tmpfs none /mnt; ${make('/mnt/image', '/mnt/disk')}; command -v nsenter`);

let rig: Rig;
let mounts: Mounts;
beforeEach(async () => {
  rig = await Rig.begin();
  mounts = await Mounts.begin();
});
afterEach(async () => {
  await rig.dispose();
  mounts.end();
});

const LIMIT = 10_000;

it.skipIf(!CAN_MAKE)('R6, R1, R3, R5 without birth times: an inode that is used again, late writes, rotation while down, copytruncate (needs root, mkfs.ext2 and a loop device)', async () => {
  const logs = rig.at('logs');
  const sh = (script: string, starts = 0): void => mounts.sh(`cd '${logs}'; ${script}`, rig.starts(starts));
  mounts.sh(make(rig.at('image'), logs));
  sh(`test "$(stat -c %W .)" = 0; cat > a.log; chmod 644 a.log`, 2);
  const run = (): Promise<void> => rig.run([`${logs}/a.log`], { prefix: mounts.prefix });
  await run();
  await rig.arrived(LIMIT);
  for (const starts of [2, 5, 1]) {
    await rig.stop();
    // Down, so that no descriptor keeps the inode.
    sh('old=$(stat -c %i a.log); rm a.log; cat > a.log; chmod 644 a.log; test "$(stat -c %i a.log)" = "$old"', starts);
    await run();
    await rig.arrived(LIMIT);
  }
  sh('mv a.log a.log.1; cat > a.log; chmod 644 a.log', 2);
  sh('cat >> a.log.1', 1);
  await rig.arrived(LIMIT);
  await rig.stop();
  sh('cat >> a.log', 1);
  sh('mv a.log.1 a.log.2; mv a.log a.log.1; cat > a.log; chmod 644 a.log', 2);
  await run();
  await rig.arrived(LIMIT);
  sh('cat >> a.log', 1);
  await rig.arrived(LIMIT);
  sh('cp a.log a.log.copy; cat > a.log', 4);
  await rig.arrived(LIMIT);
  expect(rig.daemon.said).not.toContain('lost_');
}, 60_000);
