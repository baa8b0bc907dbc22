/** `npm run uninstall-service`: takes away what install-service made. The state, /var/log/urunc and urunc's log stay. */
import { constants, copyFileSync, existsSync, lchownSync, lstatSync, readdirSync, rmSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { COMMAND, CONFIG, CONFIG_FOLDER, HOME, STATE, SYSTEMD_FILES, UNIT, UNIT_FILE, main, needRootAndSystemd, run, say, succeeds } from './host.ts';
import { bytesOf, digest, readRecord } from './record.ts';

main(() => {
  needRootAndSystemd('uninstall');
  if (existsSync(UNIT_FILE)) run('systemctl', 'disable', '--quiet', '--now', UNIT);
  // First nobody else's: after this nothing in it can be turned against root.
  if (existsSync(STATE)) giveToRoot(STATE);
  removeConfig();
  for (const { to } of SYSTEMD_FILES) removeFile(to);
  if (bytesOf(COMMAND) !== undefined && Buffer.from(bytesOf(COMMAND) ?? []).includes(`${HOME}/bin/node`)) removeFile(COMMAND);
  run('systemctl', 'daemon-reload');
  succeeds('systemctl', 'reset-failed', UNIT);
  removeUser();
  const ours = readRecord() !== undefined;
  if (ours) rmSync(HOME, { recursive: true });
  if (ours) say(`- ${HOME}`);
  else if (existsSync(HOME)) say(`! ${HOME} was not made by install-service and stays`);
  say(`\nWhat stays: ${existsSync(STATE) ? `${STATE} (what was read and sent, finished starts; now root's), ` : ''}/var/log/urunc and urunc's log.`);
  say('urunc needs that folder as long as its timestamps are on: without it no container starts.');
});

function removeFile(path: string): void {
  if (!existsSync(path)) return;
  rmSync(path);
  say(`- ${path}`);
  // Folders we made; what holds anything else stays.
  for (let folder = dirname(path); /^\/usr\/local\/lib\/.|^\/etc\/shimtrace$/.test(folder) && readdirSync(folder).length === 0; folder = dirname(folder)) rmdirSync(folder);
}

/** An edited one goes where the rest of what stays is. */
function removeConfig(): void {
  const there = bytesOf(CONFIG);
  if (there !== undefined && digest(there) !== readRecord()?.example && existsSync(STATE)) {
    let kept = join(STATE, 'shimtrace.yaml.kept');
    for (let count = 1; lstatSync(kept, { throwIfNoEntry: false }) !== undefined; count++) kept = join(STATE, `shimtrace.yaml.kept.${count}`);
    copyFileSync(CONFIG, kept, constants.COPYFILE_EXCL);
    say(`  your ${CONFIG} is kept as ${kept}`);
  }
  removeFile(CONFIG);
  if (existsSync(CONFIG_FOLDER)) say(`! ${CONFIG_FOLDER} holds files of yours and stays`);
}

/** Its number may be given to another user later, who must not inherit the state. Links are not followed. */
function giveToRoot(path: string): void {
  lchownSync(path, 0, 0);
  if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) giveToRoot(join(path, name));
}

function removeUser(): void {
  for (const [kind, remove] of [['passwd', 'userdel'], ['group', 'groupdel']] as const) {
    if (!succeeds('getent', kind, 'shimtrace')) continue;
    run(remove, 'shimtrace');
    say(`- ${kind === 'passwd' ? 'user' : 'group'} shimtrace`);
  }
}
