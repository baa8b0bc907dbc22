import process from 'node:process';
import { printable } from '../engine/render/safe.ts';
import { tame } from '../model/json.ts';
import { systemClock } from './clock.ts';
import { commands, containerd } from './doctor/commands.ts';
import { Tree } from './doctor/check.ts';
import type { Check, Diagnosis, Patient } from './doctor/check.ts';
import { journal } from './doctor/journal.ts';
import { files, kata, privateTmp, urunc } from './doctor/logs.ts';
import { clock, disk, inotify, virtualization } from './doctor/machine.ts';
import { backEnd, daemon, prometheus, state } from './doctor/service.ts';
import { daemonUser, groups } from './doctor/user.ts';
import { chooseEndpoint, defaultEndpoint } from './endpoint.ts';
import { EXIT } from './exit.ts';
import type { ExitCode } from './exit.ts';
import { journalsWanted } from './journals.ts';
import { describeHost, environmentResource } from './host.ts';
import { places } from './places.ts';
import { loadRuntimes } from './runtimes.ts';
import { settingsOrStop } from './settings.ts';
import { stateFolder } from './statefolder.ts';
import { paperFor } from './terminal.ts';

export interface DoctorFlags {
  readonly config?: string;
  readonly file?: readonly string[];
  readonly format: 'text' | 'json';
  readonly otlp?: string;
  readonly stateDir?: string;
  /** Look at the host whose files lie here. */
  readonly root?: string;
}

/** In the order in which one would look: does the runtime write, may we read, does the rest stand. */
const HOST_CHECKS: readonly Check[] = [files, urunc, kata, containerd, privateTmp, journal, groups, clock, inotify, virtualization, disk, state, daemon, commands, prometheus];

/** `shimtrace doctor`: what stands in the way on this host, each with its remedy. 0: nothing; 1: a problem. */
export async function doctor(flags: DoctorFlags): Promise<ExitCode> {
  const runtimes = await loadRuntimes();
  const config = await settingsOrStop(flags, runtimes);
  const tree = new Tree(flags.root);
  const quiet = (): void => undefined;
  const patient: Patient = {
    tree, config, user: daemonUser(tree), folder: stateFolder(config, process.env), env: process.env,
    journals: journalsWanted(config, runtimes),
    globs: places(config, runtimes, quiet).map(({ glob }) => glob),
  };
  const host = describeHost(config.hostId, [...config.resource, ...environmentResource(process.env['OTEL_RESOURCE_ATTRIBUTES'])]);
  const endpoint = chooseEndpoint(flags.otlp, config, quiet) ?? (await defaultEndpoint(config, quiet));
  const checks = [...HOST_CHECKS, backEnd({ endpoint, host, now: systemClock.now() })];
  const width = Math.max(...checks.map(({ name }) => name.length));
  let worst: Diagnosis['kind'] = 'ok';
  for (const { name, look } of checks) {
    for (const diagnosis of await look(patient)) {
      process.stdout.write(flags.format === 'json' ? jsonLine(name, diagnosis) : textLine(name.padEnd(width), diagnosis));
      if (diagnosis.kind === 'problem' || worst === 'ok') worst = diagnosis.kind;
    }
  }
  return worst === 'problem' ? EXIT.gate : EXIT.ok;
}

const jsonLine = (check: string, diagnosis: Diagnosis): string =>
  `${tame(JSON.stringify({ schema: 'shimtrace/doctor@1', check, result: diagnosis.kind, what: diagnosis.what, remedy: diagnosis.kind === 'ok' ? null : diagnosis.remedy }))}\n`;

const INK: Readonly<Record<Diagnosis['kind'], number>> = { ok: 32, warning: 33, problem: 31 };

/** What cannot be said in one line is cut: file names may be long. */
const LONGEST = 600;

function textLine(name: string, diagnosis: Diagnosis): string {
  const { color, ascii } = paperFor(process.stdout, process.env);
  const clean = (text: string): string => printable(text, LONGEST, ascii);
  const word = diagnosis.kind.padEnd(7);
  const head = `${color ? `\x1b[${INK[diagnosis.kind]}m${word}\x1b[0m` : word}  ${name}  ${clean(diagnosis.what)}\n`;
  return diagnosis.kind === 'ok' ? head : `${head}${' '.repeat(name.length + 11)}-> ${clean(diagnosis.remedy)}\n`;
}
