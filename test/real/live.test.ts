/** Starts written live to followed files become traces in a real Jaeger, exact to the nanosecond. */
import { mkdirSync, mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../support/random.ts';
import { GENERATIONS, start } from '../support/uruncwriter.ts';
import type { Generation, WrittenLine } from '../support/uruncwriter.ts';
import { criticalPath } from './criticalpath.ts';
import { Host, now } from './host.ts';
import { Jaeger } from './jaeger.ts';
import { Daemon, shimtrace, until } from './program.ts';
import { lacks } from './server.ts';
import { byTrace, traceIdOf, viewJson } from './spans.ts';
import type { SpanView } from './spans.ts';

const missing = lacks('jaeger');
const HOST = 'live-host';
const STARTS = 4;

interface Start {
  readonly generation: Generation;
  readonly trace: string;
  readonly container: string;
  readonly lines: readonly WrittenLine[];
}

/** urunc's own check bounds nothing (test-host.md 5.4). */
const marksOf = (written: Start): bigint[] => written.lines.filter((line) => line.mark.startsWith('TS')).map((line) => line.time);
const last = (times: readonly bigint[]): bigint => times.reduce((a, b) => (a > b ? a : b));

function startOf(random: Random, generation: Generation, at: bigint): Start {
  const id = random.hex(64);
  const lines = start(random, { generation, id, at });
  return { generation, container: id, lines, trace: traceIdOf(HOST, id, at) };
}

describe.skipIf(missing !== undefined)(`live, against a real Jaeger${missing === undefined ? '' : ` [${missing}]`}`, { timeout: 60_000 }, () => {
  const used = new AsyncDisposableStack();
  const logOf = (generation: Generation): string => join(folder, generation, 'timestamps.log');
  const starts: Start[] = [];
  const shown = new Map<string, SpanView[]>();
  let folder = '';
  let jaeger: Jaeger;
  let daemon: Daemon;

  beforeAll(async () => {
    folder = used.use(mkdtempDisposableSync(join(tmpdir(), 'shimtrace-live-'))).path;
    jaeger = used.use(await Jaeger.start());
    for (const generation of GENERATIONS) mkdirSync(join(folder, generation));
    daemon = new Daemon(['--file', join(folder, '*', 'timestamps.log'), '--otlp', jaeger.otlp, '--state-dir', join(folder, 'state'), '--host-id', HOST]);
    used.defer(async () => void (await daemon.kill()));
    await daemon.ready();
    const random = new Random(20_261_121);
    await Promise.all(GENERATIONS.map((generation) => playStarts(random, generation, starts, new Host(logOf(generation)))));
    await until(15_000, async () => {
      for (const { trace } of starts) if (!shown.has(trace)) await look(trace);
      return starts.every(({ trace }) => shown.has(trace));
    }, () => `${shown.size} of ${starts.length} traces came; the daemon said:\n${daemon.said}`);
  }, 60_000);

  const look = async (trace: string): Promise<void> => {
    const spans = await jaeger.trace(trace);
    if (spans.length > 0) shown.set(trace, spans);
  };
  const spansOf = (written: Start): SpanView[] => shown.get(written.trace) ?? [];

  afterAll(() => used.disposeAsync());

  test('every start is one complete trace from its first mark to its last', () => {
    for (const written of starts) {
      const spans = spansOf(written);
      const roots = spans.filter((span) => span.parent === '');
      expect(roots).toMatchObject([{ name: 'container start', service: 'urunc', kind: 2, status: 0, start: written.lines[0]?.time, end: last(marksOf(written)) }]);
      expect(spans.every((span) => span.container === written.container && span.status === 0)).toBe(true);
      expect(new Set(spans.map((span) => span.spanId)).size).toBe(spans.length);
    }
  });

  test('every mark is a boundary or an event, at its nanosecond, and no boundary is anything else', () => {
    for (const written of starts) {
      const marks = new Set(marksOf(written));
      const boundaries = new Set(spansOf(written).flatMap((span) => [span.start, span.end]));
      const events = new Set(spansOf(written).flatMap((span) => span.events));
      expect([...boundaries].filter((time) => !marks.has(time)), written.generation).toEqual([]);
      // What the lines of one start leave open (0.5 and 0.6 look alike) is an event; all else bounds a span.
      const loose = [...marks].filter((time) => !boundaries.has(time));
      expect(loose.filter((time) => !events.has(time)), written.generation).toEqual([]);
      expect(loose.length, written.generation).toBeLessThanOrEqual(written.generation.startsWith('C') ? 1 : 0);
    }
  });

  test('Jaeger shows the same spans that an import of the same log makes', () => {
    const outcome = shimtrace('import', ...GENERATIONS.map(logOf), '--format', 'otlp-json', '--host-id', HOST);
    expect(outcome, outcome.stderr).toMatchObject({ code: 0 });
    const imported = byTrace(outcome.stdout.trim().split('\n').flatMap((line) => viewJson(JSON.parse(line))));
    expect([...imported.keys()].sort()).toEqual(starts.map((written) => written.trace).sort());
    for (const written of starts) expect(spansOf(written)).toEqual(imported.get(written.trace));
  });

  test('Jaeger warns of nothing and misses no parent', async () => {
    for (const written of starts) expect(await jaeger.doubts(written.trace)).toEqual({ warnings: [], orphans: [] });
  });

  test('the critical path covers the root without a gap, and nothing had to be cut', () => {
    for (const written of starts) {
      const { cut, gaps } = criticalPath(spansOf(written));
      expect({ cut, gaps }).toEqual({ cut: [], gaps: [] });
    }
  });

  test('a re-import adds nothing to see', async () => {
    for (let time = 0; time < 2; time++) {
      const outcome = shimtrace('import', ...GENERATIONS.map(logOf), '--otlp', jaeger.otlp, '--host-id', HOST);
      expect(outcome, outcome.stderr).toMatchObject({ code: 0 });
    }
    for (const written of starts) expect(await jaeger.trace(written.trace)).toEqual(spansOf(written));
    const all = byTrace(await jaeger.traces('urunc', now() - 3_600_000_000_000n, now() + 1_000_000_000n));
    expect([...all.keys()].sort()).toEqual(starts.map((written) => written.trace).sort());
  });
});

/** Some starts that overlap, played into one log. */
async function playStarts(random: Random, generation: Generation, starts: Start[], host: Host): Promise<void> {
  const first = now() + 100_000_000n;
  for (let index = 0; index < STARTS; index++) {
    const written = startOf(random, generation, first + BigInt(index) * 12_345_679n);
    starts.push(written);
    host.plan(generation, written.lines);
  }
  await host.play();
  host.dispose();
}
