/** `npm run install-service`: a built copy with its own Node becomes a service of this host. Run again, it updates what differs. */
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { COMMAND, CONFIG, EXAMPLE, HOME, RECORD, ROOT, Refusal, SYSTEMD_FILES, UNIT, WRAPPER, main, needRootAndSystemd, run, say, succeeds } from './host.ts';
import { fingerprint, parcel, unpack } from './parcel.ts';
import { bytesOf, digest, readRecord } from './record.ts';
import type { InstallRecord } from './record.ts';

main(() => {
  needRootAndSystemd('install');
  needPlace();
  const before = readRecord();
  const program = installProgram(before);
  const files = installFiles();
  run('systemd-sysusers', systemdFile('sysusers.d'));
  run('systemd-tmpfiles', '--create', systemdFile('tmpfiles.d'));
  say('  user and group shimtrace; folder /var/log/urunc and file /tmp/urunc.zlog are there for urunc');
  installConfig(before);
  installCommand();
  run('systemctl', 'daemon-reload');
  start(program || files);
  sayWhatNext();
});

function systemdFile(folder: string): string {
  return SYSTEMD_FILES.find(({ to }) => to.includes(`/${folder}/`))?.to ?? '';
}

function needPlace(): void {
  if (existsSync(HOME) && realpathSync(HOME) === realpathSync(ROOT)) {
    throw new Refusal(`This checkout lies in ${HOME}, which is where the service's own copy goes. Move the checkout (mv ${HOME} /usr/local/src/shimtrace), then run this again there.`);
  }
  if (existsSync(HOME) && readRecord() === undefined) throw new Refusal(`${HOME} is there and was not made by install-service. Move it away, then run this again.`);
}

/** @returns whether anything changed. All of the new copy is on disk before it takes the place of the old. */
function installProgram(before: InstallRecord | undefined): boolean {
  const items = parcel(ROOT);
  const files = fingerprint(items);
  if (before?.files === files) {
    say(`= ${HOME} is up to date`);
    return false;
  }
  const fresh = `${HOME}.new`;
  const old = `${HOME}.old`;
  for (const left of [fresh, old]) rmSync(left, { recursive: true, force: true });
  unpack(items, fresh);
  const record: InstallRecord = { files, example: digest(readFileSync(join(ROOT, EXAMPLE))) };
  writeFileSync(join(fresh, RECORD), `${JSON.stringify(record)}\n`);
  if (!succeeds(join(fresh, 'bin/node'), join(fresh, 'dist/main.js'), 'version')) {
    rmSync(fresh, { recursive: true });
    throw new Refusal(`The copied Node does not run by itself (${process.execPath} may need libraries beside it). Run "npm ci", which brings one that does, then this again.`);
  }
  if (before !== undefined) renameSync(HOME, old);
  renameSync(fresh, HOME);
  rmSync(old, { recursive: true, force: true });
  say(`${before === undefined ? '+' : '~'} ${HOME}: the program, Node ${process.versions.node}, packages (${items.length} files)`);
  return true;
}

/** @returns whether anything changed. */
function installFiles(): boolean {
  let changed = false;
  const other = `/etc/systemd/system/${UNIT}`;
  if (existsSync(other)) say(`! ${other} stands before ours and stays: remove it to use the one that is installed here`);
  for (const { from, to } of SYSTEMD_FILES) changed = put(to, readFileSync(join(ROOT, from)), 0o644) || changed;
  return changed;
}

function put(to: string, bytes: Uint8Array, mode: number): boolean {
  const there = bytesOf(to);
  if (there !== undefined && Buffer.from(there).equals(bytes)) {
    say(`= ${to}`);
    return false;
  }
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
  writeFileSync(`${to}.new`, bytes);
  chmodSync(`${to}.new`, mode);
  renameSync(`${to}.new`, to);
  say(`${there === undefined ? '+' : '~'} ${to}`);
  return true;
}

/** Edited means: no example that we ever put there. */
function installConfig(before: InstallRecord | undefined): void {
  const there = bytesOf(CONFIG);
  if (there !== undefined && digest(there) !== before?.example) return say(`= ${CONFIG} is yours and stays as it is`);
  put(CONFIG, readFileSync(join(ROOT, EXAMPLE)), 0o644);
}

function installCommand(): void {
  const there = bytesOf(COMMAND);
  if (there !== undefined && !Buffer.from(there).includes(`${HOME}/bin/node`)) return say(`! ${COMMAND} is another program and stays; ours is ${HOME}/bin/node ${HOME}/dist/main.js`);
  put(COMMAND, Buffer.from(WRAPPER), 0o755);
}

function start(changed: boolean): void {
  const active = succeeds('systemctl', 'is-active', '--quiet', UNIT);
  run('systemctl', 'enable', '--quiet', UNIT);
  if (active && !changed) return say('= the service runs');
  // What failed often is started again by a person's word.
  succeeds('systemctl', 'reset-failed', UNIT);
  if (!succeeds('systemctl', active ? 'restart' : 'start', UNIT)) {
    const said = run('journalctl', '-u', UNIT, '-n', '8', '-o', 'cat', '--no-pager').trim();
    throw new Refusal(`The service is installed and does not start. It said last:\n${said}\nCorrect that (${CONFIG}), then: systemctl start shimtrace`);
  }
  say(`${active ? '~' : '+'} the service runs, and starts with the host`);
}

function sayWhatNext(): void {
  say(`
Next:
  is all well?        sudo shimtrace doctor; journalctl -u shimtrace
  where it sends      ${CONFIG}, then: systemctl restart shimtrace
  finished starts     sudo shimtrace ls; sudo shimtrace show
  without sudo        usermod -aG shimtrace USER, and log in again
  urunc's timestamps  are off until switched on: ${HOME}/deploy/README.md
  remove it           ${HOME}/bin/node ${HOME}/deploy/service/uninstall.ts`);
}
