/** Recordings of real urunc, replayed into followed files, against a real Jaeger. */
import { appendFileSync, mkdirSync, mkdtempDisposableSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../support/random.ts';
import { GENERATIONS } from '../support/uruncwriter.ts';
import { criticalPath } from './criticalpath.ts';
import { now } from './host.ts';
import { Jaeger } from './jaeger.ts';
import { Daemon, until } from './program.ts';
import { missing as noRecordings, replays } from './replay.ts';
import type { ExpectedStart, Replay } from './replay.ts';
import { lacks } from './server.ts';
import { byTrace, traceIdOf } from './spans.ts';
import type { SpanView } from './spans.ts';

const HOST = 'replay-host';
const traceOf = (one: ExpectedStart): string => traceIdOf(HOST, one.id, one.start);
const missing = lacks('jaeger') ?? noRecordings;

describe.skipIf(missing !== undefined)(`recordings of real urunc, replayed${missing === undefined ? '' : ` [${missing}]`}`, { timeout: 60_000 }, () => {
  const used = new AsyncDisposableStack();
  const begun = now();
  let starts: readonly ExpectedStart[] = [];
  let shown = new Map<string, SpanView[]>();
  let folder = '';
  let jaeger: Jaeger;
  let daemon: Daemon;

  beforeAll(async () => {
    folder = used.use(mkdtempDisposableSync(join(tmpdir(), 'shimtrace-replay-'))).path;
    jaeger = used.use(await Jaeger.start());
    for (const one of replays(new Random(7), now())) prepare(logOf(folder, one), one);
    daemon = new Daemon(['--file', join(folder, '**', 'timestamps.log'), '--otlp', jaeger.otlp, '--state-dir', join(folder, 'state'), '--host-id', HOST]);
    used.defer(async () => void (await daemon.kill()));
    await daemon.ready();
    const all = replays(new Random(7), now() + 200_000_000n);
    starts = all.flatMap((one) => one.starts);
    await Promise.all(all.map((one) => play(folder, one)));
    await until(20_000, async () => {
      shown = byTrace(await jaeger.traces('urunc', begun, now() + 60_000_000_000n));
      return shown.size >= starts.length;
    }, () => `${shown.size} of ${starts.length} traces came, not ${absent().join(', ')}; the daemon said:\n${daemon.said}`);
  }, 120_000);

  const absent = (): string[] => starts.filter((one) => !shown.has(traceOf(one))).map((one) => `${one.generation}/${one.case} ${traceOf(one)}`);

  afterAll(() => used.disposeAsync());

  test('as many traces as starts, and these', () => {
    expect(absent(), 'starts without a trace').toEqual([]);
    expect([...shown.keys()].sort()).toEqual(starts.map(traceOf).sort());
  });

  test('each root lies between the beginning of the command and the exit of the task', () => {
    for (const one of starts) {
      const roots = (shown.get(traceOf(one)) ?? []).filter((span) => span.parent === '');
      expect(roots, `${one.generation}/${one.case}`).toMatchObject([{ name: 'container start', start: one.start, end: one.end, status: 0, container: one.id }]);
      expect(one.start, `${one.generation}/${one.case}`).toBeGreaterThan(one.begun);
      expect(one.end, `${one.generation}/${one.case}`).toBeLessThan(one.exited);
    }
  });

  test('no span stands out of its parent, and the critical path has no gap', () => {
    for (const spans of shown.values()) expect(criticalPath(spans)).toMatchObject({ cut: [], gaps: [] });
  });

  test('all complete starts of INDEX.md were there', () => {
    // Per generation 37 containers with the last mark; `restart` starts its one three times.
    expect(Object.fromEntries(GENERATIONS.map((each) => [each, starts.filter((one) => one.generation === each).length]))).toEqual({ A: 39, B: 39, C: 39, C2: 39, D: 39 });
  });
});

/** Each case has a log of its own, as when it was recorded. */
const logOf = (folder: string, one: Replay): string => join(folder, one.generation, one.case, 'timestamps.log');

/** A log that is rotated was there before, as on any host: one lived 22 ms in the recording, too short to be noticed. */
function prepare(log: string, { renamed }: Replay): void {
  mkdirSync(dirname(log), { recursive: true });
  if (renamed !== undefined) writeFileSync(log, '', { mode: 0o644 });
}

async function play(folder: string, one: Replay): Promise<void> {
  const { renamed, lines } = one;
  const log = logOf(folder, one);
  let moved = false;
  for (const { line, old } of lines) {
    if (renamed !== undefined && !moved && line.time > renamed) {
      await dueAt(renamed);
      renameSync(log, `${log}.1`);
      moved = true;
    }
    await dueAt(line.time);
    appendFileSync(old && moved ? `${log}.1` : log, `${line.text}\n`, { mode: 0o644 });
  }
}

async function dueAt(time: bigint): Promise<void> {
  for (let wait = Number(time - now()) / 1e6; wait > 0; wait = Number(time - now()) / 1e6) await pause(wait);
}
