/**
 * containerd, its Kubernetes interface and runc on a host with systemd, live: what the drivers and containerd's own events say
 * happened, against the traces in a real Jaeger. shimtrace is killed and comes back in between.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LEDGER_DEFAULTS } from '../../src/engine/options.ts';
import { now } from '../real/host.ts';
import { Jaeger } from '../real/jaeger.ts';
import { until } from '../real/program.ts';
import { EVENTS, Node, lacksContainerd } from './containerd.ts';
import type { Act, Event, Wish } from './containerd.ts';
import { named, outside, spansSince, storiesSince, twofold } from './story.ts';
import type { Story } from './story.ts';

const missing = lacksContainerd();
const IMAGE = 'localhost/busybox:1';
/** A task that exits so soon did not start well. */
const WITHIN = BigInt(LEDGER_DEFAULTS.exitWithin);

/** Fifty containers: alone and many at once, some that cannot start, some that exit or are killed at once. */
function fifty(): Wish[] {
  const wishes: Wish[] = [];
  const add = (count: number, atOnce: boolean, mode: Wish['mode'], command: string): void => {
    const first = (wishes.at(-1)?.group ?? 0) + 1;
    for (let i = 0; i < count; i++) wishes.push({ group: atOnce ? first : first + i, id: `c${wishes.length}-${mode}`, mode, command });
  };
  add(10, false, 'stay', 'sleep 1000');
  add(8, true, 'stay', 'sleep 1000');
  add(4, false, 'kill', 'sleep 1000');
  add(4, true, 'kill', 'sleep 1000');
  add(3, false, 'stay', 'nosuch');
  add(3, true, 'stay', 'nosuch');
  add(4, false, 'stay', 'false');
  add(4, true, 'stay', 'false');
  add(5, false, 'wait', 'true');
  add(5, true, 'wait', 'true');
  return wishes;
}

describe.skipIf(missing !== undefined)(`containerd and runc on a host with systemd${missing === undefined ? '' : ` [${missing}]`}`, { timeout: 120_000 }, () => {
  const used = new AsyncDisposableStack();
  let jaeger: Jaeger;
  let node: Node;
  let begun: bigint;

  beforeAll(async () => {
    jaeger = used.use(await Jaeger.start());
    node = used.use(await Node.start());
    begun = now();
    const sources = ['--journal', '--file', 'runc=/var/log/runc/*.log', '--file', `containerd-events=${EVENTS}`, '--events', 'off'];
    await node.shimtrace('--listen', 'off', ...sources, '--otlp', jaeger.otlp, '--host-id', 'live-host', '--state-dir', '/var/lib/live');
  }, 120_000);
  afterAll(() => used.disposeAsync(), 30_000);

  /** Waits until these are there, each with a trace that one of the names begins. */
  async function arrive(ids: readonly string[], ...names: readonly string[]): Promise<Story[]> {
    let absent = ids;
    await until(100_000, async () => {
      const traces = [...(await spansSince(jaeger, begun)).values()].filter((spans) => spans.some(({ name, parent }) => parent === '' && names.includes(name)));
      const there = new Set(traces.flatMap((spans) => spans.map(({ container }) => container)));
      absent = ids.filter((id) => !there.has(id));
      return absent.length === 0;
    }, () => `no trace of ${absent.join(', ')}`);
    return storiesSince(jaeger, begun);
  }

  /** What containerd told of a container, by topic. */
  const toldOf = (id: string): ReadonlyMap<string, Event> => new Map(node.events().filter((event) => event.id === id && event.exec === '').map((event) => [event.topic, event]));

  describe('runc by hand', () => {
    const acts = new Map<string, readonly Act[]>();
    let found: readonly Story[];

    beforeAll(async () => {
      for (const [id, command] of [['hand-1', ['sleep', '1000']], ['hand-2', ['nosuch']], ['hand-3', ['true']]] as const) {
        acts.set(id, await node.byHand(id, ...command));
        await node.kill();
      }
      found = await arrive([...acts.keys()], 'container start');
    }, 120_000);

    test('a trace for each create, within the second in which it was', () => {
      for (const [id, [create]] of acts) {
        const own = named(found, 'container start', id);
        expect(own.length, id).toBe(1);
        // A stamp of runc's is the second that its line was written in.
        for (const { root } of own) expect(root.start > (create?.begin ?? 0n) - 1_000_000_000n && root.end <= (create?.end ?? 0n), id).toBe(true);
      }
    });

    test('all its steps, none exact, and that one failed', () => {
      for (const [id, [create]] of acts) {
        const [own] = named(found, 'container start', id);
        if (own === undefined || create === undefined) throw new Error(`nothing of ${id}`);
        const { root, spans, tell } = own;
        expect(spans.map((span) => tell(span, 'shimtrace.certainty')), id).not.toContain('exact');
        expect(new Set(spans.flatMap(({ events }) => events)).size, id).toBeLessThanOrEqual(2);
        expect(spans.flatMap(({ events }) => events).length, id).toBeGreaterThanOrEqual(7);
        expect([root.status, tell(root, 'shimtrace.outcome'), tell(root, 'shimtrace.last_mark')], id).toEqual(create.failure === undefined ? [0, 'ok', 'init ended'] : [2, 'failed', 'start failed']);
      }
    });
  });

  describe('fifty containers by ctr, shimtrace killed four times meanwhile', () => {
    const wishes = fifty();
    const ids = wishes.map(({ id }) => id);
    let acts: ReadonlyMap<string, readonly Act[]>;
    let found: readonly Story[];

    beforeAll(async () => {
      const kills = async (): Promise<void> => {
        for (const containers of [3, 15, 24, 40]) {
          await until(60_000, () => node.events().filter(({ topic, namespace }) => topic === '/containers/create' && namespace === 'default').length >= containers, () => 'ctr makes no containers');
          await node.kill();
        }
      };
      [acts] = await Promise.all([node.containers(wishes), kills()]);
      found = await arrive(ids, 'container start');
    }, 180_000);

    test('one trace for each', () => {
      expect(ids.map((id) => named(found, 'container start', id).length)).toEqual(ids.map(() => 1));
      for (const id of ids) for (const { containers } of named(found, 'container start', id)) expect([...containers]).toEqual([id]);
    });

    test('boundaries are what containerd told, to the nanosecond, within what ctr waited', () => {
      for (const id of ids) {
        const [story] = named(found, 'container start', id);
        const [run] = acts.get(id) ?? [];
        const told = toldOf(id);
        if (story === undefined || run === undefined) throw new Error(`nothing of ${id}`);
        expect(story.root.start >= run.begin && story.root.start <= (told.get('/containers/create')?.time ?? 0n), id).toBe(true);
        const ends = (name: string): bigint | undefined => story.spans.find((span) => span.name === name)?.end;
        expect(ends('container: create'), id).toBe(told.get('/containers/create')?.time);
        if (told.has('/tasks/start')) {
          expect([ends('oci: create'), ends('oci: start')], id).toEqual([told.get('/tasks/create')?.time, told.get('/tasks/start')?.time]);
          expect(story.root.end >= (told.get('/tasks/start')?.time ?? 0n), id).toBe(true);
        } else expect(story.root.end <= run.end, id).toBe(true);
      }
    });

    test('what became of them', () => {
      const outcome = (id: string): (string | undefined)[] => named(found, 'container start', id).map((story) => [story.tell(story.root, 'shimtrace.outcome'), story.tell(story.root, 'error.type')].filter(Boolean).join(' '));
      const expected = ({ mode, command, id }: Wish): string => {
        // containerd makes no task of a command that is not there, and says why to its client alone.
        if (command === 'nosuch') return 'failed failed';
        if (command === 'false') return 'failed exit_1';
        const told = toldOf(id);
        const ran = (told.get('/tasks/exit')?.time ?? 0n) - (told.get('/tasks/start')?.time ?? 0n);
        return mode === 'kill' && ran <= WITHIN ? 'failed exit_137' : 'ok';
      };
      const began = wishes.filter(({ id }) => ids.includes(id));
      expect(began.map((wish) => [wish.id, outcome(wish.id)])).toEqual(began.map((wish) => [wish.id, [expected(wish)]]));
    });

    test('what could not start has failed', () => {
      for (const { id } of wishes.filter(({ command }) => command === 'nosuch')) {
        expect(acts.get(id)?.map(({ failure }) => failure), id).toEqual(['exit code 1']);
        expect(named(found, 'container start', id).map((story) => story.tell(story.root, 'shimtrace.outcome')), id).toEqual(['failed']);
      }
    });

    test('credits add up to the wall, to the nanosecond', () => {
      for (const { root, tell, credits } of found.filter((story) => story.tell(story.root, 'shimtrace.root_layer') === 'cri')) expect(credits, `${root.name} ${root.container}`).toBe(BigInt(tell(root, 'shimtrace.wall_ns') ?? -1));
    });
  });

  describe('twenty pods through the Kubernetes interface, shimtrace killed twice meanwhile', () => {
    const acts: (readonly Act[])[] = [];
    const sandboxes = (): string[] => acts.flatMap(([run]) => (run?.id === undefined ? [] : [run.id]));
    let found: readonly Story[];

    beforeAll(async () => {
      const sleeps = `${IMAGE},sleep,1000`;
      const kinds: (readonly [handler: string, pauseMs: number, ...containers: string[]])[] = [
        ...Array.from({ length: 10 }, () => ['', 0, sleeps] as const),
        ...Array.from({ length: 3 }, () => ['', 0, sleeps, sleeps] as const),
        ...Array.from({ length: 3 }, () => ['', 300, sleeps] as const),
        ['', 0, `${IMAGE},nosuch`], ['', 0, `${IMAGE},false`], ['', 0, 'localhost/nosuch:1,sleep'], ['nosuch', 0, sleeps],
      ];
      for (let at = 0; at < kinds.length; at += 5) {
        const some = kinds.slice(at, at + 5).map(([handler, pauseMs, ...containers], index) => node.pod(`pod-${at + index}`, handler, pauseMs, 500, ...containers));
        if (at === 5 || at === 15) await node.kill();
        acts.push(...await Promise.all(some));
      }
      found = await arrive(sandboxes(), 'pod start');
      await arrive(sandboxes(), 'pod stop', 'container stop');
    }, 180_000);

    test('one trace for each pod, and one for that which had no sandbox', () => {
      expect(acts.length).toBe(20);
      expect(sandboxes().map((id) => named(found, 'pod start', id).length)).toEqual(sandboxes().map(() => 1));
      expect(found.filter(({ root }) => root.name === 'pod start').length).toBe(20);
    });

    test('each call of the kubelet\'s stands in the trace of its pod, within what the driver measured', () => {
      for (const calls of acts) {
        const [run] = calls;
        if (run?.id === undefined) continue;
        const [story] = named(found, 'pod start', run.id);
        for (const call of calls.filter(({ verb }) => ['RunPodSandbox', 'CreateContainer', 'StartContainer'].includes(verb))) {
          const spans = story?.spans.filter(({ name, start, end }) => name === call.verb && start >= call.begin && end <= call.end) ?? [];
          expect(spans.map(({ status }) => status), `${call.verb} of ${run.id}`).toEqual([call.failure === undefined ? 0 : 2]);
        }
        expect(story?.spans.filter(({ name }) => name === 'StartContainer').length).toBe(calls.filter(({ verb }) => verb === 'StartContainer').length);
      }
    });

    test('tasks begin when containerd told so, in their own container\'s part of the trace', () => {
      for (const [run] of acts) {
        const [story] = run?.id === undefined ? [] : named(found, 'pod start', run.id);
        for (const id of story?.containers ?? []) {
          const told = toldOf(id);
          const ends = (name: string): bigint[] => story?.spans.filter((span) => span.name === name && span.container === id && String(story.tell(span, 'shimtrace.to')).startsWith('/tasks/')).map(({ end }) => end) ?? [];
          expect([ends('oci: create'), ends('oci: start')], id).toEqual(['/tasks/create', '/tasks/start'].map((topic) => [told.get(topic)?.time].filter((time) => time !== undefined)));
        }
      }
    });

    test('what became of them', () => {
      const failed = acts.map((calls) => calls.some(({ failure, verb }) => failure !== undefined && !verb.startsWith('Stop') && !verb.startsWith('Remove')) || calls.some(({ id }) => id !== undefined && toldOf(id).get('/tasks/exit')?.code === 1));
      const outcomes = acts.map(([run]) => (run?.id === undefined ? ['failed'] : named(found, 'pod start', run.id).map((story) => story.tell(story.root, 'shimtrace.outcome'))));
      expect(outcomes).toEqual(failed.map((bad) => [bad ? 'failed' : 'ok']));
    });
  });

  test('sent again after a kill, a trace is the same to the byte', async () => {
    expect((await storiesSince(jaeger, begun)).map((story) => [[...story.containers].join(' '), twofold(story)]).filter(([, twice]) => twice?.length !== 0)).toEqual([]);
  });

  test('no span stands out of its parent, none has lost it, and Jaeger has no doubt of any', async () => {
    for (const story of await storiesSince(jaeger, begun)) {
      expect(outside(story), story.root.traceId).toEqual([]);
      const { warnings, orphans } = await jaeger.doubts(story.root.traceId);
      expect(orphans).toEqual([]);
      // A start within a second of a writer of whole seconds has no length, of which Jaeger makes one.
      expect(warnings.filter((text) => story.root.start < story.root.end || !text.startsWith(`${story.root.name}: Negative duration`))).toEqual([]);
    }
  });
});
