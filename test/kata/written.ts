/** Sandboxes of Kata 1.x that never were, and the traces that are made of their logs. */
import type { Trace } from '../../src/model/trace.ts';
import { journalShort, session } from '../support/katawriter.ts';
import type { KataLine, KataSession, SessionOptions } from '../support/katawriter.ts';
import { KATA1, tracesOf } from '../support/ledger.ts';
import { Random, pids } from '../support/random.ts';

export const AT = 1_795_216_081_795_582_741n;

export const write = (seed: number, more: Partial<SessionOptions> = {}, pid = pids()): KataSession =>
  session(new Random(seed), { version: '1.12.1', at: AT, kind: 'cold', behind: 1_400_000_000n, further: 1, exec: true, stop: true, pid, ...more });

export const traces = (lines: readonly KataLine[]): readonly Trace[] => tracesOf(`${lines.map(journalShort).join('\n')}\n`, { runtimes: [KATA1], eager: false }).traces;
