import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { exported, haveRemote, toJournal } from '../support/journald.ts';
import { interleaved, session } from '../support/katawriter.ts';
import type { KataLine } from '../support/katawriter.ts';
import { Random } from '../support/random.ts';
import { remove } from '../support/remove.ts';
import { MAIN, ROOT, SHORT, finish, report, startReceiver, usage } from './support.ts';

const AT = 1_795_216_504_234_688_158n;
/** After the last entry a start waits for its settle time and for what may come late. */
const WAIT_S = 0.65;

/** As journald keeps them of a service. */
const entryOf = ({ time, writer, pid, text }: Omit<KataLine, 'writer'> & { readonly writer: string }, number: number): Buffer => exported([
  ['__REALTIME_TIMESTAMP', String(time / 1_000n)], ['__MONOTONIC_TIMESTAMP', String((time - AT) / 1_000n + BigInt(number))], ['_BOOT_ID', 'b'.repeat(32)], ['PRIORITY', '6'], ['_UID', '0'],
  ['_GID', '0'], ['_SYSTEMD_UNIT', 'containerd.service'], ['_SYSTEMD_SLICE', 'system.slice'], ['_SYSTEMD_CGROUP', '/system.slice/containerd.service'], ['_CAP_EFFECTIVE', '1fffffffff'],
  ['_MACHINE_ID', 'f'.repeat(32)], ['_HOSTNAME', 'testhost'], ['_TRANSPORT', 'syslog'], ['_COMM', writer], ['_EXE', `/usr/bin/${writer}`], ['_CMDLINE', `/usr/bin/${writer} --log /x create`],
  ['_PID', String(pid)], ['SYSLOG_PID', String(pid)], ['SYSLOG_IDENTIFIER', writer], ['MESSAGE', text],
]);

/** A journal of about `entries` entries, of which one in `share` is Kata's and the others some program's; made once. */
function journal(entries: number, share: number): string {
  const folder = join(ROOT, '.cache/bench', `journal-${entries}-${share}`);
  if (existsSync(join(folder, 'system.journal'))) return folder;
  mkdirSync(folder, { recursive: true });
  const random = new Random(1);
  const parts: Buffer[] = [];
  let [at, pid] = [AT, 1_000];
  while (parts.length < entries) {
    const sandboxes = Array.from({ length: 8 }, (_, index) =>
      session(random, { version: '1.12.1', kind: 'cold', at: at + BigInt(index) * 50_000_000n, behind: 9_000_000n, stop: true, pid: () => (pid = pid > 30_000 ? 1_000 : pid + 1) }));
    for (const line of interleaved(random, sandboxes)) {
      for (let other = 1; other < share; other++) parts.push(entryOf({ ...line, writer: 'kubelet', text: `reconciled ${parts.length} objects of ${random.hex(32)} within the interval` }, parts.length));
      parts.push(entryOf(line, parts.length));
      at = line.time > at ? line.time : at;
    }
    at += 60_000_000_000n;
  }
  toJournal(join(folder, 'system.journal'), Buffer.concat(parts));
  return folder;
}

/** From the start of the program to the last span at the back-end, less what a start waits by design; and what the reader alone takes. */
export async function bench(): Promise<void> {
  if (!haveRemote) return void process.stdout.write('  not measured: needs systemd-journal-remote\n');
  for (const [share, words] of [[10, 'one entry in ten Kata\'s'], [1, 'every entry Kata\'s']] as const) {
    const folder = journal(SHORT ? 4_000 : 200_000, share);
    const reader = await finish('journalctl', ['--merge', '--output=export', '--output-fields=MESSAGE', `--directory=${folder}`]);
    const entries = (reader?.stdout.match(/^__CURSOR=/gm) ?? []).length;
    const bare = entries / (reader?.wall ?? NaN);
    const { rate, perCpu, peak } = await follow(folder, entries);
    report(`journal of ${words}, entries per second (wall)`, rate, 'entries/s', { at: 'least', value: 30_000 });
    report('the same, per CPU second, its journalctl included', perCpu, 'entries/s');
    report('journalctl alone, of one field, into a pipe', bare, 'entries/s');
    report('ratio', rate / bare, 'x');
    report('resident memory at most', peak, 'MiB', { at: 'most', value: 200 });
  }
}

async function follow(folder: string, entries: number): Promise<{ rate: number; perCpu: number; peak: number }> {
  const state = mkdtempSync(join(tmpdir(), 'shimtrace-journal-'));
  const receiver = await startReceiver();
  const began = performance.now();
  const child = spawn(process.execPath, [MAIN, 'run', '--listen', 'off', '--journal', folder, '--otlp', receiver.url, '--state-dir', state], { stdio: 'ignore' });
  try {
    let last = { requests: -1, at: began };
    for (let quiet = 0; quiet < 20;) {
      await pause(100);
      const { requests } = await receiver.count();
      if (requests === last.requests && requests > 0) quiet++;
      else [quiet, last] = [0, { requests, at: performance.now() }];
    }
    const { cpu, helped, peak } = usage(child.pid ?? 0);
    return { rate: entries / ((last.at - began) / 1_000 - WAIT_S), perCpu: entries / (cpu + helped), peak };
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
    receiver.child.kill();
    remove(state);
  }
}
