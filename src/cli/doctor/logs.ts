/** Whether the runtimes write what is followed, and whether the daemon may read it. */
import { globSync } from 'node:fs';
import { parse } from 'smol-toml';
import { allowed, barrier, isYes, ok, problem, unitSetting, warning } from './check.ts';
import type { Check, Diagnosis, Patient, Tree } from './check.ts';

const URUNC_CONFIG = '/etc/urunc/config.toml';
const URUNC_LOG = '/var/log/urunc/timestamps.log';
const OLD_LOG = '/tmp/urunc.zlog';
const URUNC_PROGRAMS = ['/usr/local/bin/urunc', '/usr/bin/urunc', '/usr/local/bin/containerd-shim-urunc-v2', '/usr/bin/containerd-shim-urunc-v2'];

export const files: Check = {
  name: 'logs',
  look: (patient) => {
    const { tree, globs, user } = patient;
    const found = globs.flatMap((glob) => (/[*?[]/.test(glob) ? globSync(tree.at(glob)).map((path) => path.slice(tree.at('/').length - 1)) : tree.exists(glob) ? [glob] : []));
    const unreadable = globs.flatMap((glob) => closed(patient, glob));
    if (found.length === 0 && unreadable.length === 0) {
      return [warning(`none of the followed files is there: ${globs.join(', ')}`, 'switch the runtime\'s log on (see the lines below), or name its files with --file or sources')];
    }
    return [...unreadable, ...found.flatMap((path) => {
      const stat = tree.stat(path);
      if (stat === undefined || closed(patient, path).length > 0) return [];
      if (!allowed(user, stat, 'read')) return [problem(`${user.name} may not read ${path}`, `chmod o+r ${path}, or put ${user.name} into its group`)];
      return [ok(`${path} can be read (${stat.size} bytes)`)];
    })];
  },
};

function closed({ tree, user }: Patient, path: string): Diagnosis[] {
  const barred = barrier(tree, user, path);
  return barred === undefined ? [] : [problem(`${user.name} may not enter ${barred}, where ${path} lies`, `chmod o+x ${barred}, or put ${user.name} into its group`)];
}

export const urunc: Check = {
  name: 'urunc timestamps',
  look: ({ tree }) => {
    const config = tree.read(URUNC_CONFIG);
    const installed = config !== undefined || tree.exists(OLD_LOG) || tree.exists('/var/log/urunc') || URUNC_PROGRAMS.some((path) => tree.exists(path));
    if (!installed) return [ok('urunc is not installed')];
    const said = config === undefined ? undefined : timestamps(config);
    const inherited = variableSet(tree);
    const answers: Diagnosis[] = [];
    if (said?.kind === 'broken') answers.push(problem(`${URUNC_CONFIG} is no TOML, so urunc writes no timestamps`, 'correct the file'));
    if (said?.kind === 'on') answers.push(...destination(tree, said.file));
    if (inherited) answers.push(ok(`on for urunc before 0.7: containerd.service passes URUNC_TIMESTAMPS=1 (${OLD_LOG})`));
    if (answers.length === 0) {
      answers.push(warning('off: urunc logs nothing about its starts', `mkdir -p /var/log/urunc, then in ${URUNC_CONFIG}: [timestamps] enabled = true (before 0.7: Environment=URUNC_TIMESTAMPS=1 for containerd.service)`));
    }
    return [...answers, ...ownerOfOld(tree)];
  },
};

type Said = { readonly kind: 'on'; readonly file: string } | { readonly kind: 'off' } | { readonly kind: 'broken' };

function timestamps(text: string): Said {
  const table = tableOf(text);
  if (table === undefined) return { kind: 'broken' };
  const section = fields(table.get('timestamps'));
  const file = section.get('destination');
  return section.get('enabled') === true ? { kind: 'on', file: typeof file === 'string' && file !== '' ? file : URUNC_LOG } : { kind: 'off' };
}

/** urunc dies before it does anything when its log cannot be opened, plain containers included (seen with urunc 0.5 to 0.7). */
function destination(tree: Tree, file: string): Diagnosis[] {
  const folder = file.replace(/\/[^/]*$/, '') || '/';
  if (tree.stat(folder)?.isDirectory() !== true) {
    return [problem(`on, but ${folder} does not exist: every container that urunc starts on this host fails`, `mkdir -p ${folder}`)];
  }
  if (tree.stat(file)?.isDirectory() === true) return [problem(`on, but ${file} is a folder: every container that urunc starts on this host fails`, 'name a file as destination')];
  return [ok(`on: ${file}`)];
}

/** fs.protected_regular keeps even root from opening somebody else's file in a sticky folder for writing. */
function ownerOfOld(tree: Tree): Diagnosis[] {
  const stat = tree.stat(OLD_LOG);
  if (stat === undefined || stat.uid === 0) return [];
  return [problem(`${OLD_LOG} belongs to user ${stat.uid}: where fs.protected_regular is on, urunc cannot open it and its containers fail`, `rm ${OLD_LOG}; urunc makes it anew as root`)];
}

const variableSet = (tree: Tree): boolean =>
  ['/etc/systemd/system', '/run/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'].some((place) =>
    [`${place}/containerd.service`, ...tree.list(`${place}/containerd.service.d`).map((name) => `${place}/containerd.service.d/${name}`)].some((path) =>
      /^\s*Environment\s*=.*\bURUNC_TIMESTAMPS=1\b/m.test(tree.read(path) ?? '')));

const KATA_FOLDERS = ['/etc/kata-containers', '/opt/kata/share/defaults/kata-containers', '/usr/share/defaults/kata-containers', '/usr/local/share/defaults/kata-containers'];

/** Kata reads /etc first; a file there stands instead of the one that came with it. */
export const kataConfigs = (tree: Tree): readonly string[] => {
  for (const folder of KATA_FOLDERS) {
    const found = tree.list(folder).filter((name) => /^configuration.*\.toml$/.test(name)).map((name) => `${folder}/${name}`);
    if (found.length > 0) return found;
  }
  return [];
};

export const kata: Check = {
  name: 'Kata debug',
  look: ({ tree }) => {
    const configs = kataConfigs(tree);
    if (configs.length === 0) return [ok('Kata is not installed')];
    return configs.map((path) => {
      const table = tableOf(tree.read(path) ?? '');
      if (table === undefined) return problem(`${path} is no TOML`, 'correct the file: Kata starts nothing with it');
      const switches = debugSwitches(table);
      const off = switches.filter(({ on }) => !on).map(({ section }) => `[${section}]`);
      if (off.length === 0) return ok(`${path}: on. Debug lines cost about 0.25 s of each boot: mind it when you compare`);
      return warning(`${path}: off in ${off.join(', ')}, so phases inside the hypervisor and the guest are missing`, 'set enable_debug = true in these sections (it costs about 0.25 s of each boot)');
    });
  },
};

/** The sections that have a debug switch. */
function debugSwitches(table: ReadonlyMap<string, unknown>): { readonly section: string; readonly on: boolean }[] {
  const one = (section: string, value: unknown): { section: string; on: boolean } => ({ section, on: fields(value).get('enable_debug') === true });
  const nested = ['hypervisor', 'agent', 'proxy'].flatMap((kind) => [...fields(table.get(kind))].map(([name, value]) => one(`${kind}.${name}`, value)));
  return [one('runtime', table.get('runtime')), ...nested];
}

export const privateTmp: Check = {
  name: 'PrivateTmp',
  look: ({ tree, globs }) => {
    const shared = globs.filter((glob) => /^\/(?:var\/)?tmp\//.test(glob));
    if (shared.length === 0) return [ok('no followed file lies in /tmp')];
    const closedUnits = ['shimtrace.service', 'containerd.service'].filter((unit) => {
      const value = unitSetting(tree, unit, 'PrivateTmp');
      return isYes(value) || value === 'disconnected';
    });
    if (closedUnits.length === 0) return [ok(`no unit hides /tmp, where ${shared.join(', ')} lies`)];
    return closedUnits.map((unit) => problem(`${unit} has PrivateTmp=yes: its /tmp is another one, and ${shared.join(', ')} is not seen`, `systemctl edit ${unit}: [Service] PrivateTmp=no`));
  },
};

const fields = (value: unknown): ReadonlyMap<string, unknown> =>
  new Map<string, unknown>(typeof value === 'object' && value !== null ? Object.entries(value) : []);

/** Undefined: it is no TOML. */
function tableOf(text: string): ReadonlyMap<string, unknown> | undefined {
  try {
    return fields(parse(text));
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}
