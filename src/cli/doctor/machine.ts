/** The host itself: clocks, limits of the kernel, what virtual machines need, room on the disk. */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { formatSize, bytes } from '../../config/units.ts';
import { ok, problem, warning } from './check.ts';
import type { Check, Diagnosis, Tree } from './check.ts';
import { kataConfigs } from './logs.ts';

/** Written by those that keep the clock: systemd-timesyncd once it is set, the others while they run. */
const SYNCED = [
  ['/run/systemd/timesync/synchronized', 'systemd-timesyncd'], ['/run/chrony/chronyd.pid', 'chrony'], ['/run/chronyd.pid', 'chrony'],
  ['/run/ntpd.pid', 'ntpd'], ['/run/openntpd.pid', 'openntpd'], ['/run/ptp4l.pid', 'ptp4l'],
] as const;

/** Reading these takes a microsecond and more each: a start reads the clock twenty times. */
const SLOW_CLOCKS = ['hpet', 'acpi_pm', 'jiffies'];

export const clock: Check = {
  name: 'clock',
  look: ({ tree }) => {
    const keeper = SYNCED.find(([path]) => tree.exists(path));
    const source = tree.read('/sys/devices/system/clocksource/clocksource0/current_clocksource')?.trim();
    return [
      keeper === undefined
        ? warning('nobody is seen that keeps this clock right: traces of this host may not fit those of others', 'install chrony or systemd-timesyncd (in a container: look on the host)')
        : ok(`kept by ${keeper[1]}`),
      ...(source !== undefined && SLOW_CLOCKS.includes(source) ? [warning(`the kernel reads time from ${source}, which is slow: short phases look longer`, 'see /sys/devices/system/clocksource/clocksource0/available_clocksource; tsc or kvm-clock are quick')] : []),
    ];
  },
};

/** A folder takes a watch each; the usual limits are 128 instances and far more watches than this. */
const INSTANCES = 32;
const WATCHES = 4_096;

export const inotify: Check = {
  name: 'inotify',
  look: ({ tree }) => {
    const limit = (name: string): number | undefined => {
      const text = tree.read(`/proc/sys/fs/inotify/${name}`)?.trim();
      return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
    };
    const tooFew = (name: string, least: number): Diagnosis[] => {
      const value = limit(name);
      if (value === undefined || value >= least) return [];
      return [warning(`fs.inotify.${name} is ${value}: where the limit is reached, lines are seen by the sweep only, up to 2 s late`, `sysctl -w fs.inotify.${name}=${least * 4}`)];
    };
    const found = [...tooFew('max_user_instances', INSTANCES), ...tooFew('max_user_watches', WATCHES)];
    if (found.length > 0) return found;
    return [ok(limit('max_user_watches') === undefined ? 'the kernel tells no limits' : `${limit('max_user_instances')} instances, ${limit('max_user_watches')} watches`)];
  },
};

/** Where Kata or a monitor of urunc finds one of these missing, the container fails, and the log ends without a reason. */
export const virtualization: Check = {
  name: 'virtualization',
  look: ({ tree }) => {
    const hasKata = kataConfigs(tree).length > 0;
    const needed = hasKata || tree.exists('/etc/urunc/config.toml');
    const missing: Diagnosis[] = [];
    const say = needed ? problem : warning;
    if (!cpuVirtualizes(tree)) missing.push(say('the CPU shows no virtualization (neither vmx nor svm)', 'switch it on in the firmware; in a virtual machine, let its host pass it on (nested virtualization)'));
    if (tree.stat('/dev/kvm') === undefined) missing.push(say('there is no /dev/kvm', 'modprobe kvm_intel or kvm_amd'));
    if (hasKata && tree.stat('/dev/vhost-vsock') === undefined) missing.push(problem('there is no /dev/vhost-vsock: Kata 2 and later waits for its agent in vain', 'modprobe vhost_vsock'));
    if (missing.length === 0) return [ok(`the CPU virtualizes, /dev/kvm${hasKata ? ' and /dev/vhost-vsock are' : ' is'} there`)];
    return needed ? missing : [ok('no runtime with virtual machines is installed')];
  },
};

/** Processors that do not list x86's flags are not judged: arm64 shows this nowhere. */
function cpuVirtualizes(tree: Tree): boolean {
  const flags = /^flags\s*:(.*)$/m.exec(tree.read('/proc/cpuinfo') ?? '')?.[1];
  return flags === undefined || /\b(?:vmx|svm)\b/.test(flags);
}

/** Less than this and the state itself may not be written. */
const LEAST = 64 * 2 ** 20;

export const disk: Check = {
  name: 'disk',
  look: ({ tree, folder, config }) => {
    let place = folder;
    while (!tree.exists(place) && place !== dirname(place)) place = dirname(place);
    const { bavail, bsize, ffree, files } = statfsSync(tree.at(place));
    const free = bavail * bsize;
    const wanted = (config.store.enabled ? config.store.max : 0) + config.queue.spool + 2 * config.deadLetter.max;
    const text = `${size(free)} free for the state in ${folder}`;
    if (files > 0 && ffree === 0) return [problem(`no inode is left on the disk of ${folder}`, 'remove files there, or name another folder with state_dir')];
    if (free < LEAST) return [problem(text, 'make room, or name a folder on another disk with state_dir')];
    if (free < wanted) return [warning(`${text}; store and spool may grow to ${size(wanted)}`, 'make room, or lower store.max and queue.spool')];
    return [ok(text)];
  },
};

/** Rounded down: nobody plans with the last megabyte. */
function size(value: number): string {
  const unit = value >= 2 ** 34 ? 2 ** 30 : value >= 2 ** 20 ? 2 ** 20 : 1;
  return formatSize(bytes(Math.floor(value / unit) * unit));
}
