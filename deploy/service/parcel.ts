/** What goes to the host: the built program, its own Node, and the packages it needs to run, none of those it is built with. */
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, globSync, mkdirSync, readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { Refusal } from './host.ts';

export interface Item {
  readonly from: string;
  /** From the folder it is installed to. */
  readonly to: string;
  readonly executable: boolean;
}

const OWN = ['dist', 'deploy', 'docs', 'package.json', 'README.md', 'LICENSE', 'otel-collector.yaml'];

/** All files of the installed copy, by name. */
export function parcel(root: string): Item[] {
  needBuilt(root);
  const items: Item[] = OWN.flatMap((name) => filesBelow(join(root, name), name));
  for (const folder of packages(root)) items.push(...filesBelow(folder.from, folder.to));
  items.push({ from: realpathSync(process.execPath), to: 'bin/node', executable: true });
  return items.sort((a, b) => (a.to < b.to ? -1 : a.to > b.to ? 1 : 0));
}

function needBuilt(root: string): void {
  const built = statSync(join(root, 'dist/main.js'), { throwIfNoEntry: false });
  if (built === undefined || !existsSync(join(root, 'node_modules/commander'))) {
    throw new Refusal(`There is no built shimtrace in ${root}. As the user who owns that folder, run "npm ci" there (it builds, too), then this again.`);
  }
  const newer = globSync('src/**/*.ts', { cwd: root }).find((path) => statSync(join(root, path)).mtimeMs > built.mtimeMs);
  if (newer !== undefined) throw new Refusal(`What is built in ${root}/dist is older than ${newer}. As the user who owns that folder, run "npm run build" there, then this again.`);
}

/** Follows links: npm makes some, and what they point to is what Node would load. */
function filesBelow(from: string, to: string): Item[] {
  const status = statSync(from, { throwIfNoEntry: false });
  if (status === undefined) throw new Refusal(`${from} is missing, so this checkout is not whole. Run "git status" and "npm ci" there.`);
  if (status.isFile()) return [{ from, to, executable: (status.mode & 0o111) !== 0 }];
  if (!status.isDirectory()) return [];
  // A package's own packages are followed by name, not by place.
  return readdirSync(from).filter((name) => name !== 'node_modules').sort().flatMap((name) => filesBelow(join(from, name), join(to, name)));
}

/** The packages that are there to run, wherever npm has put them: the closure of `dependencies`. */
function packages(root: string): { readonly from: string; readonly to: string }[] {
  const found = new Map<string, string>();
  const visit = (folder: string): void => {
    for (const [name, must] of needs(join(folder, 'package.json'))) {
      const from = locate(root, folder, name);
      if (from === undefined) {
        if (must) throw new Refusal(`The package ${name} is missing from ${root}/node_modules. Run "npm ci" there, then this again.`);
        continue;
      }
      const to = relative(root, from);
      if (found.has(to)) continue;
      found.set(to, from);
      visit(from);
    }
  };
  visit(root);
  return [...found].map(([to, from]) => ({ from, to }));
}

/** As Node looks: in the package, then in each folder around it. */
function locate(root: string, folder: string, name: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const candidate = join(at, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (at === root || at === dirname(at)) return undefined;
  }
}

function needs(file: string): (readonly [name: string, must: boolean])[] {
  const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const names = (key: string): string[] => {
    const table: unknown = typeof manifest === 'object' && manifest !== null ? Reflect.get(manifest, key) : undefined;
    return typeof table === 'object' && table !== null ? Object.keys(table) : [];
  };
  const optional = names('optionalDependencies');
  return [...names('dependencies').filter((name) => !optional.includes(name)).map((name) => [name, true] as const), ...optional.map((name) => [name, false] as const)];
}

/** Differs when any file does. */
export function fingerprint(items: readonly Item[]): string {
  const hash = createHash('sha256');
  for (const { from, to, executable } of items) hash.update(`${to}\0${executable}\0`).update(createHash('sha256').update(readFileSync(from)).digest());
  return hash.digest('hex');
}

/** Into a folder that is not there yet; all of it the caller's, readable for everyone whatever the checkout's modes are. */
export function unpack(items: readonly Item[], folder: string): void {
  for (const { from, to, executable } of items) {
    const target = join(folder, to);
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
    copyFileSync(from, target);
    chmodSync(target, executable ? 0o755 : 0o644);
  }
}
