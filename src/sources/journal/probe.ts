/** What there is to read: the version of journalctl, and whether it shows this journal. */
import { readdirSync, readFileSync } from 'node:fs';
import { codeOf } from '../report.ts';
import type { Problem } from '../report.ts';
import { runChild } from '../child.ts';
import type { Child, Ended } from '../child.ts';
import { ExportReader } from './export.ts';
import { argumentsOf } from './selection.ts';
import type { Selection } from './selection.ts';
import { isLimited, problemOf } from './words.ts';

export type Probe =
  | { readonly kind: 'readable'; readonly version: string; readonly limited: boolean }
  | { readonly kind: 'unreadable'; readonly version: string | undefined; readonly problem: Problem };

/** Runs journalctl to its end. `cursor`: of the last entry it gave. */
function runOnce(command: string, args: readonly string[], done: (end: Ended, output: string, cursor: string | undefined) => void): Child {
  let output = '';
  let cursor: string | undefined;
  const reader = new ExportReader((entry) => (cursor = entry.cursor ?? cursor));
  return runChild(command, args, (chunk) => {
    if (output.length < 1_000) output += chunk.toString('latin1');
    reader.push(chunk);
  }, (end) => done(end, output, cursor));
}

/** `done` is called once. */
export function probeJournal(command: string, selection: Selection, where: string, done: (probe: Probe) => void): Child {
  return runOnce(command, ['--version'], (first, output) => {
    const version = /^systemd ([^\n]{1,60})/.exec(output)?.[1];
    if (!first.ok || version === undefined) return done({ kind: 'unreadable', version, problem: problemOf(where, first) });
    askNewest(command, { ...selection, units: [], identifiers: [], matches: [] }, (end, cursor) => {
      const limited = isLimited(end.said);
      if (end.ok && !/No journal files were/.test(end.said) && (cursor !== undefined || !limited)) return done({ kind: 'readable', version, limited });
      done({ kind: 'unreadable', version, problem: problemOf(where, end) });
    });
  });
}

/** The newest entry of a selection, by its cursor; undefined: it has none. */
export const askNewest = (command: string, selection: Selection, done: (end: Ended, cursor: string | undefined) => void): Child =>
  runOnce(command, ['--no-pager', '--merge', '--lines=1', '--output=export', '--output-fields=_BOOT_ID', ...argumentsOf(selection)], (end, _, cursor) => done(end, cursor));

const PLACES = ['/var/log/journal', '/run/log/journal'];

export interface Storage {
  /** This system's machine id, if it has one. */
  readonly machine: string | undefined;
  /** Machines of which there are journals at the place. */
  readonly machines: readonly string[];
  /** The journal lies in memory only. */
  readonly volatile: boolean;
}

/** Where the entries of a selection lie. @param at where a path of the host lies for us. */
export function storageOf({ directory, namespace }: Selection, at = (path: string): string => path): Storage {
  const machine = readMachine(at('/etc/machine-id'));
  const mark = namespace === undefined ? '' : `.${namespace}`;
  const here = (place: string): string[] => folders(at(place)).filter((name) => /^[0-9a-f]{32}/.test(name));
  const places = directory === undefined ? PLACES : [directory];
  const all = places.map(here);
  const own = (index: number): boolean => machine !== undefined && (all[index] ?? []).includes(`${machine}${mark}`);
  return { machine, machines: [...new Set(all.flat().map((name) => name.slice(0, 32)))], volatile: directory === undefined && !own(0) && own(1) };
}

function readMachine(path: string): string | undefined {
  return /^[0-9a-f]{32}/.exec(contentOf(path))?.[0];
}

/** Of this boot, as journald writes it. */
export const bootId = (): string | undefined => /^[0-9a-f]{32}/.exec(contentOf('/proc/sys/kernel/random/boot_id').replaceAll('-', ''))?.[0];

/** The unit that systemd runs this process in. undefined: it does not; whoever logs in shares a unit with others. */
export function ownUnit(env: NodeJS.ProcessEnv): string | undefined {
  if (env['INVOCATION_ID'] === undefined) return undefined;
  const unit = /\/([^/\n]+\.service)(?:\/[^\n]*)?$/m.exec(contentOf('/proc/self/cgroup'))?.[1];
  return unit === undefined || unit.startsWith('user@') ? undefined : unit;
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (codeOf(error) === '') throw error;
    return '';
  }
}

function folders(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (codeOf(error) === '') throw error;
    return [];
  }
}
