import { hash } from 'node:crypto';
import { sourceKey } from '../../model/source.ts';
import type { SourceKey } from '../../model/source.ts';

/** Which entries of which journal. All empty: every entry of the system's journal. */
export interface Selection {
  /** A folder of journal files instead of this system's journal. */
  readonly directory?: string;
  /** A namespace of journald's (LogNamespace= of a unit). */
  readonly namespace?: string;
  readonly units: readonly string[];
  readonly identifiers: readonly string[];
  /** `FIELD=value`. */
  readonly matches: readonly string[];
}

/** journald's word for messages that it left out because a unit wrote too many. */
export const SUPPRESSED = 'a596d6fe7bfa4994828e72309e95d61e';

/** Whether every entry is asked for: only then do the numbers of the entries run without a gap. */
export const isWhole = ({ units, identifiers, matches }: Selection): boolean => units.length + identifiers.length + matches.length === 0;

/**
 * journalctl's arguments for it. Units, identifiers and matches are alternatives: a line belongs to it if one of them holds. What journald left
 * out is asked for beside any of them: its marker is journald's own entry.
 */
export function argumentsOf(selection: Selection): string[] {
  const { directory, namespace, units, identifiers, matches } = selection;
  const places = [...(directory === undefined ? [] : [`--directory=${directory}`]), ...(namespace === undefined ? [] : [`--namespace=${namespace}`])];
  if (isWhole(selection)) return places;
  const wanted = [
    ...matches.map((match) => [match]),
    ...identifiers.map((identifier) => [`SYSLOG_IDENTIFIER=${identifier}`]),
    ...units.map((unit) => [`_SYSTEMD_UNIT=${unitName(unit)}`]),
    [`MESSAGE_ID=${SUPPRESSED}`],
  ];
  return [...places, ...wanted.flatMap((match, at) => (at === 0 ? match : ['+', ...match]))];
}

/** As journalctl -u does: a name without a suffix is a service. */
const unitName = (unit: string): string => (/\.(?:service|scope|socket|slice|mount|timer|path|target|swap|device|automount)$/.test(unit) ? unit : `${unit}.service`);

/** For the state: another selection is another source. */
export const keyOf = (selection: Selection): SourceKey => sourceKey(`journal:${hash('sha256', JSON.stringify(argumentsOf(selection)), 'hex').slice(0, 24)}`);

/** For people. */
export function nameOf(selection: Selection): string {
  const { directory, namespace, units, identifiers, matches } = selection;
  const place = directory ?? (namespace === undefined ? 'journal' : `journal of namespace ${namespace}`);
  const picked = [...units.map((unit) => `unit ${unit}`), ...identifiers, ...matches];
  return picked.length === 0 ? place : `${place} (${picked.join(', ')})`;
}

/**
 * As a person writes it: `containerd.service` (a unit), `kata` (an identifier), `FIELD=value` (a match), `/DIR` (a folder), `ns:NAME` (a
 * namespace); several with commas, the empty text for everything. @returns what is wrong with it, as a clause.
 */
export function parseSelection(text: string): Selection | string {
  let directory: string | undefined;
  let namespace: string | undefined;
  const [units, identifiers, matches]: [string[], string[], string[]] = [[], [], []];
  for (const part of text.split(',').map((each) => each.trim()).filter((each) => each !== '')) {
    if (part.includes('\0') || part.startsWith('-') || part.startsWith('+')) return `"${part}" is no unit, identifier, match, folder or namespace`;
    if (part.startsWith('/')) {
      if (directory !== undefined) return 'it names two folders; write --journal twice';
      directory = part;
    } else if (part.startsWith('ns:')) {
      if (!/^ns:[A-Za-z0-9_.@:-]{1,200}$/.test(part)) return `"${part}" names no namespace; write ns:NAME`;
      namespace = part.slice(3);
    } else if (part.includes('=')) {
      if (!/^[A-Z0-9_]{1,64}=/.test(part)) return `"${part}" is no match; the name of a field has capitals, digits and _ only`;
      matches.push(part);
    } else if (/\.(?:service|scope|socket|slice|mount|timer|path|target)$/.test(part)) units.push(part);
    else identifiers.push(part);
  }
  return { ...(directory !== undefined && { directory }), ...(namespace !== undefined && { namespace }), units, identifiers, matches };
}
