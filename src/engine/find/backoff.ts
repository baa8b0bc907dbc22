/** A dialler that came too early and slept (reference/kata-1.md 4: grpc-go waits 1 s x 1.6^n, the first time without jitter). */
import type { BackoffRule } from '../../model/findings.ts';
import { duration } from '../../model/time.ts';
import type { Draft } from '../draft.ts';
import type { Group, Placed, Resolved } from '../groups.ts';
import { evidence } from './findings.ts';
import type { About, Facts } from './findings.ts';
import { exactSeconds, length, percent } from './words.ts';

/** A sleep ends a little early by the writer's stamp, and what follows it takes its time. */
const EARLY = 5_000_000;
const LATE = 100_000_000;

export function backoffs(rule: BackoffRule, facts: Facts): About[] {
  return facts.arranged.flatMap((span) => {
    const times = span.name === rule.span && !span.incomplete ? sleeps(rule, span) : undefined;
    return times === undefined || !mayHappen(rule, span) ? [] : [about(rule, facts, span, times)];
  });
}

/** How often it slept, from how long it waited; undefined: it waited for something else. */
function sleeps({ base, factor, jitter, attempts }: BackoffRule, { start, end, from, to }: Draft): number | undefined {
  if (from.event.step > 1 || to.event.step > 1) return undefined;
  const waited = end - start;
  let least = 0;
  let most = 0;
  for (let times = 1; times <= attempts; times++) {
    const sleep = base * factor ** (times - 1);
    least += times === 1 ? sleep : sleep * (1 - jitter);
    most += times === 1 ? sleep : sleep * (1 + jitter);
    if (waited >= least - EARLY * times && waited < most + LATE) return times;
  }
  return undefined;
}

function mayHappen({ before, not }: BackoffRule, { group, from }: Draft): boolean {
  const url = from.event.holes?.['url'];
  if (url !== undefined && not.some((start) => url.startsWith(start))) return false;
  const version = group && versionOf(group);
  return version === undefined || older(version, before);
}

const versionOf = ({ items }: Group): string | undefined => items.find(({ event }) => event.holes?.['version'] !== undefined)?.event.holes?.['version'];

/** `1.2.0-17962180` is older than `1.3.0`. */
function older(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split(/[.-]/).slice(0, 3).map(Number));
  for (const at of [0, 1, 2]) {
    const one = a?.[at] ?? 0;
    const other = b?.[at] ?? 0;
    if (!Number.isFinite(one)) return true;
    if (one !== other) return one < other;
  }
  return false;
}

function about(rule: BackoffRule, { resolved, clock, wall }: Facts, span: Draft, times: number): About {
  const listens = pick(rule.listens, resolved, span);
  const serves = pick(rule.starts, resolved, span) === undefined ? undefined : pick(rule.serves, resolved, span);
  const served = serves && (clock?.map(serves)?.offset ?? serves.offset);
  const ready = Math.max(listens?.offset ?? -Infinity, served ?? -Infinity);
  const waited = span.end - span.start;
  const known = Number.isFinite(ready) && ready > span.start && ready < span.end;
  const loss = known ? span.end - ready : waited;
  const what = served !== undefined && served === ready ? 'the agent served' : 'the peer listened';
  const when = known ? `${length(loss)} of it after ${what}, ${length(ready - span.start)} after the dial began` : 'nothing shows when the peer was ready, so at most all of it is lost';
  const how = `gRPC's dialler came too early and slept ${times === 1 ? 'once' : times === 2 ? 'twice' : `${times} times`} (1 s, then 1.6 times as long)`;
  return {
    span,
    finding: {
      id: rule.id,
      text: `${span.name} took ${exactSeconds(waited)}: ${how}; ${when} (${percent(loss / Math.max(wall, 1))} of the whole)`,
      confidence: listens !== undefined && listens.offset > span.start ? 'sure' : 'likely',
      loss: duration(loss),
      share: loss / Math.max(wall, 1),
      evidence: evidence(span.from, listens, serves, span.to),
      remedy: rule.remedy,
    },
  };
}

/** The best of these marks that was seen while the span lasted. */
function pick(names: readonly string[], { all }: Resolved, { start, end }: Draft): Placed | undefined {
  for (const name of names) {
    const line = all.find(({ mark, offset }) => mark?.name === name && offset > start && offset < end);
    if (line !== undefined) return line;
  }
  return undefined;
}
