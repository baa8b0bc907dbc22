/** A reader of containerd's journal, its events and urunc's log that dies at some moment and goes on from what it remembered: the same traces, byte for byte. */
import { expect, test } from 'vitest';
import type { StoredMemory } from '../../src/engine/memory.ts';
import type { Settlement } from '../../src/engine/ledger.ts';
import { steady } from '../../src/model/time.ts';
import { eventLog, recorded, seen } from '../containerd/recording.ts';
import { overRecordings, recordedLogs } from '../support/corpus.ts';
import { bytesOf, clockAt, CONTAINERD, EVENTS, Feed, MUCH_LATER, newLedger, RUNC, tracesOf, URUNC } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { union } from '../urunc/resume.ts';
import type { Sent } from '../urunc/resume.ts';

const ALL = [URUNC, CONTAINERD, EVENTS, RUNC];
const ROUNDS = Number(process.env['RUNS'] ?? 40);
/** Beyond it no line of these comes late. */
const LATENESS = 250_000_000n;

interface Line {
  readonly file: number;
  readonly time: bigint;
  readonly length: number;
}

function nanosOf(text: string): bigint | undefined {
  const [, stamp] = /"time":(\d{19})\}$/.exec(text) ?? [];
  if (stamp !== undefined) return BigInt(stamp);
  const [, day = '', clock = '', fraction = ''] = /(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?/.exec(text) ?? [];
  return day === '' ? undefined : BigInt(Date.parse(`${day}T${clock}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

/** The lines of all files in the order in which they were written. */
function linesOf(logs: readonly string[]): Line[] {
  const lines = logs.flatMap((log, file) => {
    let time = 0n;
    return log.split('\n').slice(0, -1).map((text): Line => {
      const told = nanosOf(text) ?? time;
      time = told > time ? told : time;
      return { file, time, length: Buffer.byteLength(text) + 1 };
    });
  });
  return lines.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

function resumed(logs: readonly string[], lines: readonly Line[], cut: number, random: Random): Sent[] {
  const sent: Sent[] = [];
  const send = (settled: readonly Settlement[]): void => {
    for (const { trace } of settled) sent.push({ id: trace.id, bytes: bytesOf(trace) });
  };
  const files = logs.map((log, at) => ({ log, key: `file ${at}` }));
  const first = newLedger({}, ALL);
  const feeds = files.map((file) => new Feed(first, file));
  for (const [at, { file, length, time }] of lines.slice(0, cut).entries()) {
    feeds[file]?.more(length);
    if (!random.chance(0.2)) continue;
    // Each has been read to its end; the next line is not there yet, or not late beyond its lateness.
    const next = lines[at + 1]?.time ?? time;
    const now = time + BigInt(Math.floor(random.next() * Number(next - time + LATENESS - 1n)));
    for (const feed of feeds) first.atEnd(feed.id, steady(Number(now - 1_795_000_000_000_000_000n) / 1e6));
    send(first.settle(clockAt(now, Number(now - 1_795_000_000_000_000_000n) / 1e6)));
    for (const feed of feeds) first.behind(feed.id);
    for (const { id } of sent) if (random.chance(0.3)) first.acknowledged(id);
  }
  const from = feeds.map((feed) => first.pinned(feed.id) ?? feed.at);
  // As the state file keeps it: through JSON.
  const memory: StoredMemory = JSON.parse(JSON.stringify(first.remember()));
  const second = newLedger({}, ALL);
  second.restore(memory);
  const rest = files.map((file, at) => new Feed(second, file, from[at]));
  for (const feed of rest) while (feed.more(random.whole(1, 4_000)));
  for (const feed of rest) feed.end();
  send(second.settle(MUCH_LATER));
  return sent;
}

overRecordings('cut and resumed, with containerd around it', () => {
  test.each(['D/single', 'D/restart', 'D/fail-nobin', 'D/mixed', 'D/conc8', 'D/cri-pod', 'D/cri-pods4', 'A/restart', 'B/cri-plain', 'C/fail-nohv'] as const)('%s', (path) => {
    const [generation = 'D', name = ''] = path.split('/');
    const urunc = recordedLogs(generation === 'A' ? 'A' : generation === 'B' ? 'B' : generation === 'C' ? 'C' : 'D', name).join('');
    const logs = [urunc, recorded(`urunc-real/${path}.journal.log`).toString('utf8'), eventLog(seen(path), name.startsWith('cri') ? 'k8s.io' : 'default')];
    const lines = linesOf(logs);
    const wanted = new Map(tracesOf(logs.map((log, at) => ({ log, key: `file ${at}` })), { runtimes: ALL, eager: false }).traces.map((trace) => [trace.id, bytesOf(trace)]));
    const random = new Random(7);
    for (let round = 0; round < ROUNDS; round++) {
      const cut = random.whole(0, lines.length);
      expect(union(resumed(logs, lines, cut, random)), `round ${round}, cut at ${cut}`).toEqual(wanted);
    }
  });
});
