/** What holds of the recordings of both shims, against containerd's events and the client's own stamps. */
import { expect, test } from 'vitest';
import type { CompiledRuntime } from '../../src/engine/compile.ts';
import type { Span, Trace } from '../../src/model/trace.ts';
import { containerOf, moment, near } from '../kata/recording.ts';
import { bytesOf, printed, tracesOf } from '../support/ledger.ts';
import type { ReadResult } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { checkTrace } from './laws.ts';
import { created, needed, truth } from './recording.ts';

/** A container that never came up, by the first characters of its id: what becomes of it and what the log says. */
export type Failed = Readonly<Record<string, { readonly outcome: 'failed' | 'incomplete'; readonly reason: RegExp }>>;

export const starts = (traces: readonly Trace[]): Trace[] => traces.filter(({ episode }) => episode === 'start');
export const spansOf = (trace: Trace | undefined, service: string, name: string): Span[] => (trace?.spans ?? []).filter((span) => span.service === service && span.name === name);

export class Recordings<Case extends string> {
  readonly cases: readonly Case[];
  readonly #corpus: string;
  readonly #file: string;
  readonly #runtimes: readonly CompiledRuntime[];

  constructor(corpus: string, file: string, runtime: CompiledRuntime, cases: readonly Case[]) {
    this.cases = cases;
    this.#corpus = corpus;
    this.#file = file;
    this.#runtimes = [runtime];
  }

  folder(name: Case): string {
    return `${this.#corpus}/${name}`;
  }

  journal(name: Case): Buffer {
    return needed(`${this.folder(name)}/${this.#file}`);
  }

  read(name: Case): ReadResult {
    return tracesOf(this.journal(name), { runtimes: this.#runtimes });
  }

  /** @param within ms between the end of a request and containerd's event. */
  check(within: (name: Case) => number, failed: Readonly<Partial<Record<Case, Failed>>>): void {
    this.#checkStarts(within, failed);
    this.#checkParts();
    this.#checkOrder();
  }

  #checkStarts(within: (name: Case) => number, failed: Readonly<Partial<Record<Case, Failed>>>): void {
    test.each(this.cases)('%s: one start for each container that was created, and none without', (name) => {
      const { traces } = this.read(name);
      expect(starts(traces).flatMap(({ containers }) => containers).toSorted()).toEqual(created(this.folder(name)));
      for (const trace of traces) checkTrace(trace);
    });

    test.each(this.cases)('%s: create and start end when containerd says so', (name) => {
      const all = starts(this.read(name).traces);
      for (const { topic, container, time } of truth(this.folder(name))) {
        if (topic !== '/tasks/create' && topic !== '/tasks/start') continue;
        const trace = all.find(({ containers }) => containers.includes(container));
        const span = spansOf(trace, 'kata-shim', topic.slice('/tasks/'.length)).find((one) => trace && containerOf(trace, one) === container);
        if (trace === undefined || span === undefined) throw new Error(`${topic} of ${container} has no span`);
        expect(near(moment(trace, span.end), time), `${topic} ${container}`).toBeLessThan(within(name));
        expect(moment(trace, 0)).toBeLessThan(time);
      }
    });

    test.each(this.cases)('%s: what failed is an error with the reason of the log, and nothing else is', (name) => {
      const wrong = failed[name] ?? {};
      for (const trace of starts(this.read(name).traces)) {
        const mine = trace.containers.flatMap((container) => wrong[container.slice(0, 6)] ?? []);
        expect(trace.outcome, trace.container).toBe(mine[0]?.outcome ?? 'ok');
        for (const { reason } of mine) expect(trace.spans[0]?.error).toMatch(reason);
        for (const span of trace.spans.filter(({ service, error }) => service === 'kata-shim' && error !== undefined)) {
          expect(wrong[String(containerOf(trace, span)).slice(0, 6)], `${span.name} failed`).toBeDefined();
        }
      }
    });
  }

  #checkParts(): void {
    const { pod2, exec } = { pod2: this.cases.find((name) => name === 'pod2'), exec: this.cases.find((name) => name === 'exec') };
    if (pod2 === undefined || exec === undefined) throw new Error('a shim without a pod or an exec');

    test('exec: three results', () => {
      const execs = this.read(exec).traces.filter(({ episode }) => episode === 'exec');
      expect(execs.map(({ outcome, spans: [root] }) => [outcome, root?.error ?? ''])).toEqual([['ok', ''], ['failed', 'the file nosuchcmd was not found'], ['ok', '']]);
    });

    test('pod2: the sandbox and its containers are one start, each knows its calls in the guest; three stops', () => {
      const { traces } = this.read(pod2);
      expect(traces.map(({ episode, containers }) => [episode, containers.length])).toEqual([['start', 3], ['stop', 1], ['stop', 1], ['stop', 1]]);
      const [pod] = traces;
      if (pod === undefined) throw new Error('no pod');
      expect(pod.spans[0]?.name).toBe('pod start');
      for (const name of ['create_container', 'start_container']) expect(spansOf(pod, 'kata-agent', name).map((span) => containerOf(pod, span))).toEqual(pod.containers);
    });
  }

  #checkOrder(): void {
    test.each(this.cases)('%s: shuffled, in portions, read twice: the same traces', (name) => {
      const runtimes = this.#runtimes;
      const log = this.journal(name).toString('utf8');
      const whole = printed(this.read(name).traces);
      const random = new Random(7);
      const mixed = log.split('\n').filter((line) => line !== '').map((line) => [random.next(), line] as const).sort(([a], [b]) => a - b).map(([, line]) => line);
      expect(printed(tracesOf(`${mixed.join('\n')}\n`, { runtimes, eager: false }).traces)).toBe(whole);
      expect(printed(tracesOf(log, { runtimes, chunk: 20_000 }).traces)).toBe(whole);
      expect(printed(tracesOf([{ log, key: 'a' }, { log, key: 'b' }], { runtimes, eager: false }).traces)).toBe(whole);
    });

    test.each(this.cases)('%s: every line has a verdict, and no line of Kata is unknown', (name) => {
      const { verdicts } = this.read(name);
      const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((total, count) => total + count, 0);
      expect(verdicts.events + verdicts.unknown + sum(verdicts.ignored) + sum(verdicts.malformed)).toBe(verdicts.lines);
      expect(verdicts.unknown).toBe(0);
    });

    test('nothing secret reaches a trace', () => {
      for (const name of this.cases) expect(this.read(name).traces.map(bytesOf).join('\n')).not.toMatch(/receive createcontainer|process command|AgentConfig|PATH=/);
    });
  }
}

/** What the agent does for every start, in whichever order. */
export const CALLS = ['guest: kernel boot', 'agent: start', 'update_interface', 'update_routes', 'create_sandbox', 'get_guest_details', 'create_container', 'start_container'];
