/** The host's calls and the guest's answers that belong together: by name, by container where both tell it, and by order. */
import { between, duration } from '../model/time.ts';
import type { Duration } from '../model/time.ts';
import { goDuration } from './goduration.ts';
import type { Group, Placed, Resolved } from './groups.ts';
import type { CompiledRpc } from './words.ts';

export interface Call {
  readonly group: Group;
  readonly verb: string;
  readonly asks: Placed;
  /** The next line of the process that asked; undefined: it wrote none. */
  readonly next: Placed | undefined;
  /** The guest's line that says it was asked. */
  readonly asked: Placed | undefined;
  /** The guest's line that says how long it took. */
  readonly ended: Placed | undefined;
  /** Of `ended`; 0 without it. */
  readonly took: Duration;
}

/** A line of the guest is written down on the host later than it was written in the guest; its begin is concluded from its end. */
const SLACK = 50_000_000;
/** Clocks within a guest agree to the microsecond. */
const EARLY = 1_000_000;
/**
 * From the line that a call was heard to the beginning of its own measure the agent does nothing but write that line: 50 ms at most in the
 * recordings, on an emulated guest. What begins much later was heard by a line that is lost.
 */
const LATE = 250_000_000;
const NO_TIME = duration(0);

export function joinCalls(word: CompiledRpc, { groups, all }: Resolved): Call[] {
  const verbOf = (line: Placed): string => line.event.holes?.[word.like] ?? '';
  const executions = executionsOf(word, all, verbOf);
  const claimed = new Set<Execution>();
  const calls = groups.flatMap((group) => asks(word, group));
  calls.sort((a, b) => a.asks.offset - b.asks.offset);
  return calls.map(({ group, asks: ask, next }) => {
    const verb = verbOf(ask);
    const found = executions.find((one) => !claimed.has(one) && one.verb === verb && answers(ask, one) && isSure(calls, one, verbOf));
    if (found !== undefined) claimed.add(found);
    return { group, verb, asks: ask, next, asked: found?.asked, ended: found?.ended, took: found?.took ?? NO_TIME };
  });
}

/** An end without its begin may be the answer to any call that was open then: of several it is none's. */
function isSure(calls: readonly Asking[], one: Execution, verbOf: (line: Placed) => string): boolean {
  const { asked, ended, took, verb } = one;
  if (asked !== undefined || ended === undefined) return true;
  const begun = ended.offset - took - SLACK;
  return calls.filter(({ asks: ask, next }) => verbOf(ask) === verb && answers(ask, one) && (next === undefined || next.offset >= begun)).length === 1;
}

/** What the guest wrote of one call: that it was asked, and how long it took; either line may be lost. */
interface Execution {
  readonly verb: string;
  readonly asked: Placed | undefined;
  readonly ended: Placed | undefined;
  readonly took: Duration;
}

/** An end belongs to the last call of its name that was heard before it began, by its own length. */
function executionsOf(word: CompiledRpc, all: readonly Placed[], verbOf: (line: Placed) => string): Execution[] {
  const asked = all.filter((line) => line.mark === word.server.asked);
  const open = new Set(asked);
  const executions: Execution[] = [];
  for (const ended of all) {
    const took = ended.mark === word.server.mark ? tookOf(word, ended) : undefined;
    if (took === undefined) continue;
    const verb = verbOf(ended);
    const heard = asked.findLast((line) => open.has(line) && verbOf(line) === verb && begins(line, ended, took));
    if (heard !== undefined) open.delete(heard);
    executions.push({ verb, asked: heard, ended, took });
  }
  for (const line of open) executions.push({ verb: verbOf(line), asked: line, ended: undefined, took: NO_TIME });
  const offset = ({ asked: first, ended, took }: Execution): number => first?.offset ?? (ended === undefined ? 0 : ended.offset - took);
  return executions.sort((a, b) => offset(a) - offset(b));
}

/** It was heard just before it began, in the guest's own time. */
function begins(heard: Placed, ended: Placed, took: Duration): boolean {
  const one = heard.event.guest;
  const other = ended.event.guest;
  if (one === undefined || other === undefined) return false;
  // By the host's time of the two lines, whose guest's clock may have been set between them.
  if (ended.offset - took - heard.offset > LATE) return false;
  return (one <= other ? between(one, other) : -between(other, one)) - took >= -EARLY;
}

/** Whether this is what was asked for: not heard before it was asked, and for the same container where both tell one. */
function answers(ask: Placed, { asked, ended, took }: Execution): boolean {
  if (asked !== undefined) return asked.offset >= ask.offset - ask.event.step && agree(ask, asked);
  return ended !== undefined && ended.offset - took >= ask.offset - ask.event.step - SLACK;
}

interface Asking {
  readonly group: Group;
  readonly asks: Placed;
  readonly next: Placed | undefined;
}

function asks(word: CompiledRpc, group: Group): Asking[] {
  return group.items.flatMap((line, at) => (line.mark === word.client.mark ? [{ group, asks: line, next: group.items[at + 1] }] : []));
}

/** Both name a container, or a process in it: the same. */
function agree(a: Placed, b: Placed): boolean {
  const one = a.event.container;
  const other = b.event.container;
  const asks = a.event.also;
  const told = b.event.also;
  return (b.event.holes?.['cid'] === undefined || one === undefined || other === undefined || one === other) && (asks === undefined || told === undefined || asks === told);
}

export const tookOf = (word: CompiledRpc, line: Placed): Duration | undefined => goDuration(line.event.holes?.[word.took] ?? '');
