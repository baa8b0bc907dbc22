/**
 * Recordings of real Kata 4.0, of both shims, written into a journal as entries and read there by the daemon, with a kill -9 in the middle and
 * the second half written while it is down. (Entries that are a day old when they are written settle as soon as no more come, so they must be
 * there as a whole; what is written as it happens is test/host's.) In a real Jaeger, against containerd's own events.
 */
import { mkdirSync, mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { created, needed, recorded as read } from '../shims/recording.ts';
import { haveRemote, toJournal } from '../support/journald.ts';
import { criticalPath } from './criticalpath.ts';
import { Jaeger } from './jaeger.ts';
import { Daemon, shimtrace, until } from './program.ts';
import { missing as noRecordings } from './replay-kata.ts';
import { entriesOf, entriesOfText, TIMES } from './replay-kata4.ts';
import type { Entries } from './replay-kata4.ts';
import { lacks } from './server.ts';
import { byTrace, viewJson } from './spans.ts';
import type { SpanView } from './spans.ts';

const HOST = 'kata4-host';
const missing = lacks('jaeger') ?? noRecordings ?? (haveRemote ? undefined : 'no systemd-journal-remote: apt-get install systemd-journal-remote');

const RECORDINGS = {
  'kata-go': ['start-stop', 'start-stop-info', 'seq5', 'par4', 'exec', 'exec-hang', 'pod2', 'pod-bad', 'fail-cmd', 'fail-vmm', 'fail-agent-timeout'],
  'kata-rs': ['start-stop', 'start-stop-info', 'seq5', 'par4', 'exec', 'pod2', 'pod-bad', 'fail-cmd', 'fail-vmm'],
} as const;
const recordingOf = (path: string): Entries => {
  const json = read(`${path}/journal.json.log`);
  return json === undefined ? entriesOfText(needed(`${path}/journal.log`)) : entriesOf(json);
};
const CASES = Object.entries(RECORDINGS).flatMap(([shim, cases]) => cases.map((name) => `${shim}-4.0-real/${name}`));

describe.skipIf(missing !== undefined)(`recordings of real Kata 4.0 in a journal${missing === undefined ? '' : ` [${missing}]`}`, { timeout: 60_000 }, () => {
  const used = new AsyncDisposableStack();
  let jaeger: Jaeger;
  let imported = new Map<string, SpanView[]>();
  let shown = new Map<string, SpanView[]>();

  beforeAll(async () => {
    const folder = used.use(mkdtempDisposableSync(join(tmpdir(), 'shimtrace-kata4-'))).path;
    const journal = join(folder, 'journal');
    mkdirSync(journal);
    jaeger = used.use(await Jaeger.start());
    const recorded = CASES.map((path) => recordingOf(path)).sort((a, b) => (a.first < b.first ? -1 : 1));
    const write = (from: number, to: number): void => recorded.slice(from, to).forEach(({ exported }) => toJournal(join(journal, 'system.journal'), exported));
    const half = Math.ceil(recorded.length / 2);
    const start = (): Daemon => new Daemon(['--journal', journal, '--otlp', jaeger.otlp, '--state-dir', join(folder, 'state'), '--host-id', HOST]);
    // A start that containerd's own lines tell of, too, is containerd's.
    const told = async (): Promise<[string, SpanView[]][]> => (await Promise.all(['kata', 'containerd'].map((service) => jaeger.traces(service, TIMES.from, TIMES.to)))).flatMap((spans) => [...byTrace(spans)]);
    const come = async (): Promise<number> => (shown = new Map(await told())).size;
    write(0, half);
    let daemon = start();
    used.defer(async () => void (daemon.running && (await daemon.kill())));
    await daemon.ready();
    await until(60_000, async () => (await come()) > half / 2, () => daemon.said);
    await daemon.kill();
    write(half, recorded.length);
    daemon = start();
    const outcome = shimtrace('import', '--journal', journal, '--format', 'otlp-json', '--host-id', HOST);
    if (outcome.code !== 0) throw new Error(`the import ended with ${outcome.code}: ${outcome.stderr}`);
    imported = new Map(outcome.stdout.trim().split('\n').flatMap((line) => [...byTrace(viewJson(JSON.parse(line)))]));
    await until(30_000, async () => (await come()) >= imported.size, () => `${shown.size} of ${imported.size} traces came; the daemon said: ${daemon.said.slice(-1_000)}`);
  }, 180_000);

  afterAll(() => used.disposeAsync());

  test('the traces are those of an import of the whole, span for span', () => {
    expect([...shown.keys()].sort()).toEqual([...imported.keys()].sort());
    for (const [id, spans] of imported) expect(shown.get(id), id).toEqual(spans);
  });

  test('each container that containerd created is in one start', () => {
    const starts = [...shown.values()].filter((spans) => spans.some(({ parent, name }) => parent === '' && / start$/.test(name)));
    const containers = starts.map((spans) => new Set(spans.map(({ container }) => container)));
    for (const path of CASES) for (const id of created(path)) expect(containers.filter((each) => each.has(id)).length, `${path} ${id}`).toBe(1);
  });

  test('no warning, no orphan, nothing out of its parent, no gap on the critical path', async () => {
    for (const [id, spans] of shown) {
      expect(await jaeger.doubts(id), id).toEqual({ warnings: [], orphans: [] });
      const byId = new Map(spans.map((span) => [span.spanId, span]));
      for (const { name, parent, start, end } of spans) {
        const over = byId.get(parent);
        if (over !== undefined) expect([name, start >= over.start, end <= over.end], id).toEqual([name, true, true]);
      }
      expect(criticalPath(spans), id).toMatchObject({ cut: [], gaps: [] });
    }
  });

  test('a service per component, and the guest\'s calls inside the host\'s', () => {
    const all = [...shown.values()].flat();
    expect([...new Set(all.map(({ service }) => service))].sort()).toEqual(['caller', 'containerd', 'containerd-shim', 'hypervisor', 'kata', 'kata-agent', 'kata-shim']);
    expect(all.filter(({ service, parent }) => service === 'kata-agent' && parent === '')).toEqual([]);
    expect(all.filter(({ service }) => service === 'kata-agent').length).toBeGreaterThan(100);
  });
});
