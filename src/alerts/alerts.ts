/** The daemon's own alerts: finished starts in, messages out, to as many sinks as are named. Nothing here can stop a trace. */
import { TOTAL } from '../model/alert.ts';
import type { History, Rule, SinkSpec } from '../model/alert.ts';
import type { Log } from '../model/delivery.ts';
import type { FinishedStart } from '../model/finished.ts';
import type { Duration, Nanos } from '../model/time.ts';
import type { Trace } from '../model/trace.ts';
import { Cooldown } from './cooldown.ts';
import { breachesOf, concerns, isError } from './judge.ts';
import type { Breach } from './judge.ts';
import { noticeOf } from './notice.ts';
import type { Links, Notice, Occasion, Words } from './notice.ts';
import { SinkQueue } from './queue.ts';
import type { Deliver, TellJournal } from './sinks.ts';
import { sinkOf } from './sinks.ts';

export interface AlertParts {
  readonly log: Log;
  readonly journal: TellJournal;
  readonly now: () => Nanos;
  /** A monotonic clock, ms. */
  readonly steady: () => number;
  readonly words: Words;
  readonly links: (trace: Trace) => Links;
  readonly host: Occasion['host'];
  readonly history: History | undefined;
  /** Instead of the sinks' own way to deliver. */
  readonly deliver?: (spec: SinkSpec, journal: TellJournal) => Deliver;
}

/** Where alerts go when nobody named a sink. */
export const JOURNAL: SinkSpec = { name: 'journal', kind: 'journal' };

interface Sink {
  readonly spec: SinkSpec;
  readonly queue: SinkQueue;
}

/** Starts that were told of while under way are remembered until they are over, the last of them. */
const MOST_TOLD = 1_000;

export class Alerts {
  readonly #parts: AlertParts;
  #rules: readonly Rule[] = [];
  #sinks = new Map<string, Sink>();
  readonly #cooldown = new Cooldown();
  /** `rule trace` of starts that were told of while they were under way. */
  readonly #told = new Set<string>();
  readonly raised = new Map<string, number>();
  readonly heldBack = new Map<string, number>();

  constructor(parts: AlertParts) {
    this.#parts = parts;
  }

  get rules(): readonly Rule[] {
    return this.#rules;
  }

  get sinks(): ReadonlyMap<string, { readonly queue: SinkQueue }> {
    return this.#sinks;
  }

  /** The shortest time that a rule asks for starts under way; undefined: none does. */
  get openLimit(): Duration | undefined {
    let shortest: Duration | undefined;
    for (const { open, above } of this.#rules) if (open && above?.kind === 'fixed' && (shortest === undefined || above.limit < shortest)) shortest = above.limit;
    return shortest;
  }

  /** From now on these. A sink that stays as it was keeps what waits for it; one that changed takes it over. */
  configure(rules: readonly Rule[], sinks: readonly SinkSpec[]): void {
    this.#rules = rules;
    for (const { name } of rules) {
      this.raised.set(name, this.raised.get(name) ?? 0);
      this.heldBack.set(name, this.heldBack.get(name) ?? 0);
    }
    const before = this.#sinks;
    this.#sinks = new Map((sinks.length === 0 ? [JOURNAL] : sinks).map((spec) => [spec.name, this.#sink(spec, before.get(spec.name))]));
    for (const [name, { queue }] of before) if (this.#sinks.get(name)?.queue !== queue) void this.#hand(name, queue);
  }

  #sink(spec: SinkSpec, before: Sink | undefined): Sink {
    if (before !== undefined && JSON.stringify(before.spec) === JSON.stringify(spec)) return before;
    const { log, steady, journal, deliver = sinkOf } = this.#parts;
    return { spec, queue: new SinkQueue({ name: spec.name, deliver: deliver(spec, journal), log, steady }) };
  }

  async #hand(name: string, from: SinkQueue): Promise<void> {
    const left = await from.stop(0);
    const into = this.#sinks.get(name)?.queue;
    for (const notice of left) into?.offer(notice);
    if (into !== undefined || left.length === 0) return;
    from.lose('stopped', left.length);
    this.#tellLost(name, left);
  }

  /** A finished start; only live ones raise anything. */
  see({ trace, live }: FinishedStart): void {
    if (!live) return;
    for (const rule of this.#rules) {
      const wasTold = this.#told.delete(`${rule.name} ${trace.id}`);
      if (!concerns(rule, trace)) continue;
      const breaches = rule.on === 'slow' ? breachesOf(rule, trace, this.#parts.history) : [];
      if (rule.on === 'slow' ? breaches.length > 0 : isError(trace)) this.#raise(rule, trace, breaches, 'finished', wasTold);
    }
  }

  /** A start that has been under way for so long. Told once, and once more when it is over. */
  overdue(trace: Trace, took: Duration): void {
    for (const rule of this.#rules) {
      const key = `${rule.name} ${trace.id}`;
      if (!rule.open || rule.above?.kind !== 'fixed' || took <= rule.above.limit || !concerns(rule, trace) || this.#told.has(key)) continue;
      if (this.#told.size >= MOST_TOLD) for (const oldest of [...this.#told].slice(0, 1)) this.#told.delete(oldest);
      this.#told.add(key);
      this.#raise(rule, trace, [{ phase: TOTAL, took, limit: rule.above.limit, usual: undefined, span: undefined }], 'open', false);
    }
  }

  #raise(rule: Rule, trace: Trace, breaches: readonly Breach[], status: Occasion['status'], wasTold: boolean): void {
    const { steady } = this.#parts;
    const kind = JSON.stringify([rule.name, trace.runtime, breaches[0]?.phase]);
    const held = wasTold ? 0 : this.#cooldown.pass(kind, rule.cooldown, steady());
    if (held === undefined) {
      this.heldBack.set(rule.name, (this.heldBack.get(rule.name) ?? 0) + 1);
      return;
    }
    this.raised.set(rule.name, (this.raised.get(rule.name) ?? 0) + 1);
    const notice = this.notice(rule, trace, breaches, { status, test: false, heldBack: held });
    for (const { queue } of this.sinksOf(rule)) queue.offer(notice);
  }

  notice(rule: Rule, trace: Trace, breaches: readonly Breach[], more: Pick<Occasion, 'status' | 'test' | 'heldBack'>): Notice {
    const { words, links, host, now } = this.#parts;
    return noticeOf({ rule, trace, breaches, host, links: links(trace), now: now(), ...more }, words);
  }

  sinksOf(rule: Rule): readonly Sink[] {
    const all = [...this.#sinks.values()];
    return rule.notify === undefined ? all : all.filter(({ spec }) => rule.notify?.includes(spec.name));
  }

  /** What waits is tried for at most so many ms more; the rest is counted as lost, and said. */
  async stop(within: number): Promise<void> {
    await Promise.all([...this.#sinks].map(async ([name, { queue }]) => {
      const left = await queue.stop(within);
      queue.lose('stopped', left.length);
      if (left.length > 0) this.#tellLost(name, left);
    }));
  }

  #tellLost(sink: string, left: readonly Notice[]): void {
    const text = `The sink "${sink}" did not get ${left.length} ${left.length === 1 ? 'alert' : 'alerts'} before its end: ${left.slice(0, 3).map(({ summary }) => summary).join('; ')}`;
    this.#parts.log('warn', 'alerts_not_delivered', { sink, count: left.length, text });
  }
}
