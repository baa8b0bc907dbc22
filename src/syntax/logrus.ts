/**
 * logrus' text format (syntax/logfmt.ts has the grammar) as containerd, its shims, urunc and Kata 1.x write it, bare or behind what syslog
 * and journald put before it (syntax/prefix.ts). What an entry knows: syntax/logrusentry.ts. A terminal's form (`INFO[0000] ...`) has no date: refused.
 */
import type { Entry, LeftOut, Refusal, Syntax } from '../model/entry.ts';
import { Logfmt } from './logfmt.ts';
import { suppressed } from './leftout.ts';
import { LogrusEntry } from './logrusentry.ts';
import { Prefix, prefixGlance } from './prefix.ts';

/** One for all lines: an entry lives until the next. */
const prefix = new Prefix();
const entry = new LogrusEntry(prefix);
const finder = { record: new Logfmt(), prefix: new Prefix() };

function read(bytes: Buffer, start: number, end: number): Entry | Refusal {
  entry.begin(bytes, start, end);
  return entry.read(bytes, prefix.read(bytes, start, end), end) ?? entry;
}

/** Linear: each record is looked through to the next one's beginning. */
function parts(bytes: Buffer, start: number, end: number): readonly number[] {
  const found: number[] = [];
  const { record, prefix } = finder;
  for (let at = start; ; at = record.next) {
    const refusal = record.scan(bytes, prefix.read(bytes, at, end), end);
    if (refusal !== 'record-torn') found.push(at);
    if (record.next < 0) return found.length > 1 || found[0] !== start ? found : [];
  }
}

/** Behind a prefix, whose time has whole seconds at best: none is told. */
function leftOut(bytes: Buffer, start: number, end: number): LeftOut | undefined {
  const from = finder.prefix.read(bytes, start, end);
  const said = from === start ? undefined : suppressed(bytes.toString('utf8', from, Math.min(end, from + 512)));
  return said && { ...said, time: undefined };
}

export const logrus: Syntax = { name: 'logrus', begins: ['time='], glance: prefixGlance, read, parts, leftOut, writer: () => prefix.get('identifier') };
