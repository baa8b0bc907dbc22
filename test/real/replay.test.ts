/** Recordings of real urunc, replayed into followed files, against a real Jaeger (issue 3, "What must hold" 3). */
import { appendFileSync, mkdirSync, mkdtempDisposableSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../support/random.ts';
import { GENERATIONS } from '../support/uruncwriter.ts';
import { criticalPath } from './criticalpath.ts';
import { now } from './host.ts';
import { Jaeger, missing as noJaeger } from './jaeger.ts';
import { Daemon, until } from './program.ts';
import { missing as noRecordings, replays } from './replay.ts';
import type { ExpectedStart, Replay } from './replay.ts';
import { byTrace, traceIdOf } from './spans.ts';
import type { SpanView } from './spans.ts';

const HOST = 'replay-host';
const missing = noJaeger ?? noRecordings;

describe.skipIf(missing !== undefined)(`recordings of real urunc, replayed${missing === undefined ? '' : ` [${missing}]`}`, { timeout: 60_000 }, () => {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'shimtrace-replay-'));
  const begun = now();
  let starts: readonly ExpectedStart[] = [];
  let shown = new Map<string, SpanView[]>();
  let jaeger: Jaeger;
  let daemon: Daemon;

  beforeAll(async () => {
    jaeger = await Jaeger.start();
    daemon = new Daemon(['--file', join(folder.path, '**', 'timestamps.log'), '--otlp', jaeger.otlp, '--state-dir', join(folder.path, 'state'), '--host-id', HOST]);
    const all = replays(new Random(7), now() + 500_000_000n);
    starts = all.flatMap((one) => one.starts);
    await Promise.all(all.map((one) => play(folder.path, one)));
    await until(20_000, async () => {
      shown = byTrace(await jaeger.traces('urunc', begun, now() + 60_000_000_000n));
      return shown.size >= starts.length;
    }, () => `${shown.size} of ${starts.length} traces came; the daemon said:\n${daemon.said}`);
  }, 120_000);

  afterAll(async () => {
    await daemon.kill();
    await jaeger[Symbol.asyncDispose]();
    folder.remove();
  });

  test('as many traces as starts, and these', () => {
    const name = (one: ExpectedStart): string => `${one.generation}/${one.case} ${traceIdOf(HOST, one.id, one.start)}`;
    const found = new Set([...shown.keys()]);
    expect(starts.filter((one) => !found.delete(traceIdOf(HOST, one.id, one.start))).map(name), 'starts without a trace').toEqual([]);
    expect([...found], 'traces without a start').toEqual([]);
  });

  test('each root lies between the beginning of the command and the exit of the task', () => {
    for (const one of starts) {
      const roots = (shown.get(traceIdOf(HOST, one.id, one.start)) ?? []).filter((span) => span.parent === '');
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
async function play(folder: string, one: Replay): Promise<void> {
  const log = join(folder, one.generation, one.case, 'timestamps.log');
  mkdirSync(join(log, '..'), { recursive: true });
  await playLines(log, one.before);
  // What reexec had open goes on to the old file: lines there may be due after the first ones of the new one.
  if (one.before.length > 0) renameSync(log, `${log}.1`);
  await playLines(log, one.lines);
}

async function playLines(log: string, lines: Replay['lines']): Promise<void> {
  for (const line of lines) {
    for (let wait = Number(line.time - now()) / 1e6; wait > 0; wait = Number(line.time - now()) / 1e6) await pause(wait);
    appendFileSync(log, `${line.text}\n`, { mode: 0o644 });
  }
}
