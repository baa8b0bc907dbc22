/** Any pods at once, in any writing, in any order: each call in its own pod's trace, to the nanosecond. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Trace } from '../../src/model/trace.ts';
import { writePod } from '../support/containerdwriter.ts';
import type { Call, PodPlan, Writing } from '../support/containerdwriter.ts';
import { CONTAINERD, tracesOf } from '../support/ledger.ts';
import { attribute, moment } from './recording.ts';

const BEGUN = 1_795_216_000_000_000_000n;
const VERBS: readonly string[] = ['RunPodSandbox', 'CreateContainer', 'StartContainer'];

const id = (pod: number, of: number): string => `${pod}${of}`.padEnd(64, 'ab');
const steps = fc.array(fc.bigInt({ min: 1_000n, max: 400_000_000n }), { minLength: 3, maxLength: 8 });

/** Eight pods within a second, all of one name and attempt in namespaces of their own, each with up to three containers. */
const plans: fc.Arbitrary<PodPlan[]> = fc.array(fc.record({ at: fc.bigInt({ min: 0n, max: 1_000_000_000n }), steps, containers: fc.integer({ min: 0, max: 3 }) }), { minLength: 1, maxLength: 8 })
  .chain((pods) => fc.integer({ min: 0, max: 3 }).map((attempt) => pods.map(({ at, steps: own, containers }, pod) => ({
    name: 'web', uid: `uid-${pod}`, namespace: `team-${pod}`, attempt, sandbox: id(pod, 0), containers: Array.from({ length: containers }, (_, of) => id(pod, of + 1)), at: BEGUN + at + BigInt(pod), steps: own,
  }))));
const writings: fc.Arbitrary<Writing> = fc.record({ metadata: fc.constantFrom('struct', 'protobuf', 'protobuf, two blanks'), format: fc.constantFrom('text', 'json'), debug: fc.boolean() });

const sorted = (calls: readonly Call[]): Call[] => calls.toSorted((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : a.verb < b.verb ? -1 : 1));

function callsOf(trace: Trace): Call[] {
  return sorted(trace.spans.flatMap((span) => {
    const verb = VERBS.find((one) => one === span.name);
    if (verb !== 'RunPodSandbox' && verb !== 'CreateContainer' && verb !== 'StartContainer') return [];
    return [{ verb, container: String(attribute(trace, span, 'container.id')), from: moment(trace, span.start), to: moment(trace, span.end) }];
  }));
}

const read = (lines: readonly { readonly text: string }[]): readonly Trace[] => tracesOf(lines.map(({ text }) => `${text}\n`).join(''), { runtimes: [CONTAINERD], eager: false }).traces;

describe('pods at once', () => {
  test('each is one trace with its containers and calls, in whatever order their lines come', () => {
    fc.assert(fc.property(plans, writings, fc.infiniteStream(fc.nat()), (all, writing, order) => {
      const written = all.map((plan) => writePod(plan, writing));
      const lines = written.flatMap((one) => one.lines).map((line) => [order.next().value, line] as const).toSorted(([a], [b]) => a - b).map(([, line]) => line);
      const traces = read(lines);
      expect(traces.length).toBe(all.length);
      for (const { pod } of written) {
        const trace = traces.find(({ container }) => container === pod.sandbox);
        expect([trace?.outcome, trace?.containers.toSorted()]).toEqual(['ok', [pod.sandbox, ...pod.containers].toSorted()]);
        expect(trace && callsOf(trace)).toEqual(sorted(pod.calls));
      }
    }), { numRuns: 60 });
  });

  test('with lines missing no call is in another pod\'s trace, and none is longer than it was', () => {
    fc.assert(fc.property(plans, writings, fc.infiniteStream(fc.integer({ min: 0, max: 9 })), (all, writing, dice) => {
      const written = all.map((plan) => writePod(plan, writing));
      const lines = written.flatMap((one) => one.lines).filter(() => dice.next().value > 0).toSorted((a, b) => (a.time < b.time ? -1 : 1));
      for (const trace of read(lines)) {
        const pod = written.map((one) => one.pod).find(({ sandbox, containers }) => trace.container === sandbox || containers.includes(trace.container) || trace.container.includes(sandbox));
        const ask = all.find(({ uid }) => trace.container.includes(uid));
        expect(pod !== undefined || ask !== undefined, trace.container).toBe(true);
        if (pod === undefined) continue;
        for (const call of callsOf(trace)) {
          const truth = pod.calls.find((one) => one.verb === call.verb && (one.container === call.container || call.container.includes(pod.sandbox)));
          expect(truth !== undefined && call.from >= (pod.calls[0]?.from ?? 0n) && call.to <= (pod.calls.at(-1)?.to ?? 0n), `${call.verb} ${call.container}`).toBe(true);
        }
      }
    }), { numRuns: 60 });
  });
});
