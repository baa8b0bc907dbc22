/**
 * containerd, its Kubernetes interface and runc on a host with systemd, live: what the drivers and containerd's own events say
 * happened, against the traces in a real Jaeger. shimtrace is killed and comes back in between.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { now } from '../real/host.ts';
import { Jaeger } from '../real/jaeger.ts';
import { until } from '../real/program.ts';
import { byTrace } from '../real/spans.ts';
import type { SpanView } from '../real/spans.ts';
import { Node, lacksContainerd } from './containerd.ts';
import type { Act } from './containerd.ts';

const missing = lacksContainerd();

describe.skipIf(missing !== undefined)(`containerd and runc on a host with systemd${missing === undefined ? '' : ` [${missing}]`}`, { timeout: 120_000 }, () => {
  const used = new AsyncDisposableStack();
  let jaeger: Jaeger;
  let node: Node;
  let begun: bigint;

  beforeAll(async () => {
    jaeger = used.use(await Jaeger.start());
    node = used.use(await Node.start());
    begun = now();
    await node.shimtrace('--listen', 'off', '--journal', '--file', 'runc=/var/log/runc/*.log', '--otlp', jaeger.otlp, '--host-id', 'live-host', '--state-dir', '/var/lib/live');
  }, 120_000);
  afterAll(() => used.disposeAsync());

  /** Traces by the container of their root. */
  async function traces(service: string): Promise<ReadonlyMap<string, readonly SpanView[][]>> {
    const found = [...byTrace(await jaeger.traces(service, begun, now())).values()].filter((spans) => spans.some(({ parent, service: of }) => parent === '' && of === service));
    return Map.groupBy(found, (spans) => rootOf(spans).container);
  }

  describe('runc by hand', () => {
    const acts = new Map<string, readonly Act[]>();
    const starts = (): Promise<ReadonlyMap<string, readonly SpanView[][]>> => traces('runc');

    beforeAll(async () => {
      for (const [id, command] of [['hand-1', ['sleep', '1000']], ['hand-2', ['nosuch']], ['hand-3', ['true']]] as const) {
        acts.set(id, await node.byHand(id, ...command));
        await node.kill();
      }
      await until(60_000, async () => (await starts()).size === 3, () => 'the starts never came');
    }, 120_000);

    test('a trace for each create, within the second in which it was', async () => {
      for (const [id, found] of await starts()) {
        const [create] = acts.get(id) ?? [];
        expect(found.length, id).toBe(1);
        const { start, end } = rootOf(found[0] ?? []);
        // A stamp of runc's is the second that its line was written in.
        expect(start > (create?.begin ?? 0n) - 1_000_000_000n && end <= (create?.end ?? 0n), id).toBe(true);
      }
    });

    test('as many steps as it took, none exact, and why the one failed that did', async () => {
      const found = await starts();
      for (const [id, create] of [...acts].map(([id, [create]]) => [id, create] as const)) {
        const [trace = []] = found.get(id) ?? [];
        const attributes = await jaeger.attributes(rootOf(trace).traceId);
        const certainties = new Set(trace.map(({ spanId }) => attributes.get(spanId)?.get('shimtrace.certainty')));
        expect([...certainties].toSorted(), id).toEqual(['bounded', 'inferred']);
        const failed = create?.failure !== undefined;
        expect([rootOf(trace).status, attributes.get(rootOf(trace).spanId)?.get('shimtrace.outcome')], id).toEqual(failed ? [2, 'failed'] : [0, 'ok']);
        expect(trace.some(({ name }) => name === 'init: set up container'), id).toBe(!failed);
      }
    });
  });
});

function rootOf(spans: readonly SpanView[]): SpanView {
  const [root, ...more] = spans.filter(({ parent }) => parent === '');
  if (root === undefined || more.length > 0) throw new Error(`${more.length + 1} roots: ${spans.map(({ name }) => name).join(', ')}`);
  return root;
}
