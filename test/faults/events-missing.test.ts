/** Events of the kernel that are lost, cannot be had, or never come. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from '../real/program.ts';
import { canInNamespace, IS_ROOT, Mounts, Rig } from './rig.ts';

const CAN_OVERLAY = canInNamespace('mount -t tmpfs none /mnt; cd /mnt; mkdir l u w m; mount -t overlay none -o lowerdir=l,upperdir=u,workdir=w m; command -v nsenter');
const CAN_LIMIT = spawnSync('unshare', ['--user', '--map-root-user', 'sh', '-ec', 'echo 5 > /proc/sys/user/max_inotify_watches'], { stdio: 'ignore' }).status === 0;

let rig: Rig;
beforeEach(async () => { rig = await Rig.begin(); });
afterEach(() => rig.dispose());

/** What must be found without any event is found within this, ms. */
const LATEST = 15_000;
/** Longer after the last bytes files are looked at no more often than usual, ms. */
const QUIET = 3_500;

async function logs(): Promise<string> {
  mkdirSync(rig.at('logs'));
  rig.write(rig.at('logs/a.log'));
  await rig.run([rig.at('logs/*.log')]);
  await rig.arrived(10_000);
  return rig.at('logs/a.log');
}

it('W1: after more events than the kernel queues, new lines, rotated and new files are found all the same', async () => {
  const log = await logs();
  rig.daemon.signal('SIGSTOP');
  // 16,384 fit into the queue (fs.inotify.max_queued_events); each file makes several.
  for (let file = 0; file < 9_000; file++) {
    writeFileSync(rig.at('logs/noise'), '');
    rmSync(rig.at('logs/noise'));
  }
  rig.write(log, 3);
  renameSync(log, `${log}.1`);
  rig.write(log, 3);
  rig.write(rig.at('logs/b.log'), 3);
  rig.daemon.signal('SIGCONT');
  await rig.arrived(LATEST);
});

it('W4: a process that stands still for seconds, while it is rotated, misses nothing', async () => {
  const log = await logs();
  rig.daemon.signal('SIGSTOP');
  const until5 = performance.now() + 5_000;
  await until(6_000, () => {
    rig.write(log);
    renameSync(log, `${log}.${String(performance.now()).replace('.', '')}`);
    rig.write(log);
    return performance.now() > until5;
  }, () => '');
  rig.daemon.signal('SIGCONT');
  await rig.arrived(LATEST);
}, 40_000);

/** In a user namespace of its own the limit is its own, too. */
const few = (limit: string, most: number): string[] =>
  ['unshare', '--user', '--map-root-user', 'sh', '-ec', `echo ${most} > /proc/sys/user/${limit}; exec "$0" "$@"`];

it.skipIf(!CAN_LIMIT).each([['max_inotify_watches', 2], ['max_inotify_watches', 0], ['max_inotify_instances', 0]] as const)(
  'W2: with %s of %i it is said once, and all is found by looking (needs user namespaces)', async (limit, most) => {
    mkdirSync(rig.at('logs'));
    rig.write(rig.at('logs/a.log'));
    await rig.run([rig.at('logs/*.log')], { prefix: few(limit, most) });
    await rig.arrived(LATEST);
    rig.write(rig.at('logs/a.log'));
    renameSync(rig.at('logs/a.log'), rig.at('logs/a.log.1'));
    rig.write(rig.at('logs/a.log'));
    rig.write(rig.at('logs/b.log'));
    await rig.arrived(LATEST);
    expect(rig.daemon.said.split('watch_degraded')).toHaveLength(2);
  });

it.skipIf(!CAN_OVERLAY)('W3, R8: what is written below an overlay gives no event: found, named, and then looked for more often (needs root and overlay mounts)', async () => {
  const mounts = await Mounts.begin();
  try {
    mounts.sh(`mount -t tmpfs none '${rig.folder}' && cd '${rig.folder}' && mkdir lower upper work logs && mount -t overlay none -o lowerdir=lower,upperdir=upper,workdir=work logs`);
    const write = (path: string): void => mounts.sh(`cat >> '${rig.at(path)}'`, rig.starts());
    write('logs/a.log');
    mounts.sh(`echo 'sweep: 60s' > '${rig.at('seldom.yaml')}'`);
    await rig.run([rig.at('logs/*.log')], { prefix: mounts.prefix, args: ['--config', rig.at('seldom.yaml')] });
    await rig.arrived(LATEST);
    write('upper/a.log');
    await rig.arrived(LATEST);
    await until(LATEST, () => rig.daemon.said.includes('wake_missed'), () => rig.daemon.said);
    // Not as long as they are usually left alone.
    await pause(QUIET);
    write('upper/a.log');
    await rig.arrived(LATEST);
    write('upper/b.log');
    await rig.arrived(LATEST);
  } finally {
    mounts.end();
  }
}, 60_000);

it.skipIf(!CAN_OVERLAY)('R8: a folder that is deleted and made again, unmounted and mounted again, and a log that is mounted over another (needs root and mounts)', async () => {
  const mounts = await Mounts.begin();
  try {
    const logs = rig.at('logs');
    const write = (path = `${logs}/a.log`): void => mounts.sh(`cat >> '${path}'`, rig.starts());
    mounts.sh(`mkdir '${logs}' && mount -t tmpfs none '${logs}'`);
    write();
    await rig.run([rig.at('logs/*.log')], { prefix: mounts.prefix });
    await rig.arrived(LATEST);
    mounts.sh(`umount -l '${logs}' && mount -t tmpfs none '${logs}'`);
    write();
    await rig.arrived(LATEST);
    write();
    await rig.arrived(LATEST);
    mounts.sh(`umount -l '${logs}' && rm -r '${logs}'`);
    mounts.sh(`mkdir '${logs}'`);
    write();
    await rig.arrived(LATEST);
    mounts.sh(`rm -r '${logs}'; mkdir '${logs}'`);
    write();
    await rig.arrived(LATEST);
    const other = rig.at('other.log');
    write(other);
    mounts.sh(`: > '${logs}/b.log' && mount --bind '${other}' '${logs}/b.log'`);
    await rig.arrived(LATEST);
    write(other);
    await rig.arrived(LATEST);
    mounts.sh(`umount -l '${logs}/b.log'`);
    write(`${logs}/b.log`);
    await rig.arrived(LATEST);
  } finally {
    mounts.end();
  }
});

it.skipIf(!IS_ROOT)('S3: a log that may not be read is read as soon as it may (needs root)', async () => {
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
  const log = rig.at('a.log');
  writeFileSync(log, rig.starts(), { mode: 0o600 });
  mkdirSync(rig.at('state'));
  chownSync(rig.at('state'), 65534, 65534);
  await rig.run([log], { prefix: nobody });
  await until(LATEST, () => rig.daemon.said.includes('no permission'), () => rig.daemon.said);
  chmodSync(log, 0o644);
  await rig.arrived(LATEST);
  chmodSync(log, 0o600);
  appendFileSync(log, rig.starts());
  await rig.arrived(LATEST);
});

it('M2: 10,000 logs with 1,024 descriptors: each start of each arrives, also what is written and rotated later', async () => {
  const name = (file: number): string => rig.at(`logs/${file % 100}/${file}.log`);
  for (let folder = 0; folder < 100; folder++) mkdirSync(rig.at(`logs/${folder}`), { recursive: true });
  for (let file = 0; file < 10_000; file++) rig.write(name(file), file % 10 === 0 ? 1 : 0);
  await rig.run([rig.at('logs/*/*.log')], { prefix: ['prlimit', '--nofile=1024:1024', '--'] });
  await rig.arrived(120_000);
  for (let file = 0; file < 10_000; file += 5) rig.write(name(file));
  for (let file = 0; file < 10_000; file += 20) {
    renameSync(name(file), `${name(file)}.1`);
    appendFileSync(`${name(file)}.1`, rig.starts());
    rig.write(name(file));
  }
  await rig.arrived(120_000);
  for (const trouble of ['EMFILE', 'too many open files', 'lost_']) expect(rig.daemon.said).not.toContain(trouble);
}, 300_000);
