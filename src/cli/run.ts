import { join } from 'node:path';
import process from 'node:process';
import type { Config } from '../config/config.ts';
import { DEFAULT_URL } from '../delivery/endpoint.ts';
import { printable } from '../engine/render/safe.ts';
import { Ledger } from '../engine/ledger.ts';
import { nanos } from '../model/time.ts';
import { Follower } from '../sources/follow.ts';
import type { FileRecord } from '../sources/record.ts';
import type { CommandRecord } from '../sources/command/record.ts';
import { lockFolder } from '../sources/lock.ts';
import type { JournalRecord } from '../sources/journal/record.ts';
import { grown, Notes } from '../sources/notes.ts';
import { StateFile } from '../sources/state.ts';
import { BackEnd } from './backend.ts';
import { systemClock } from './clock.ts';
import { Commands, commandsWanted } from './commands.ts';
import { Daemon, terminalOutlet } from './daemon.ts';
import { EXIT, Stop } from './exit.ts';
import type { ExitCode } from './exit.ts';
import { Finished } from './finished.ts';
import { describeHost, environmentResource } from './host.ts';
import type { Host } from './host.ts';
import { Journals, journalsWanted } from './journals.ts';
import { keeping } from './keeping.ts';
import type { Keeping } from './keeping.ts';
import { createLogger } from './logger.ts';
import type { Logger } from './logger.ts';
import { ServiceManager, beatMs, tellSystemd } from './manager.ts';
import { places } from './places.ts';
import { problemText } from './problem.ts';
import { loadRuntimes } from './runtimes.ts';
import { ledgerOptions, loadedOrStop } from './settings.ts';
import { stateFolder } from './statefolder.ts';
import { storedMemory } from './stored.ts';
import { SilenceWatch } from './silence.ts';
import { selfTelemetry } from './self.ts';
import { version } from './version.ts';
import { Reload } from './reload.ts';
import { Watch } from './watch.ts';

export interface RunFlags {
  readonly config?: string;
  readonly events?: readonly string[];
  readonly file?: readonly string[];
  readonly from?: string;
  readonly hostId?: string;
  readonly journal?: readonly string[];
  readonly listen?: string;
  readonly logLevel?: string;
  readonly otlp?: string;
  readonly stateDir?: string;
}

/** What must be sent when the daemon is told to stop has this long (SIGTERM to exit within 5 s). */
const FLUSH_MS = 3_000;

/** `shimtrace run`: until SIGTERM (exit 0) or SIGINT (130). */
export async function run(flags: RunFlags): Promise<ExitCode> {
  const runtimes = await loadRuntimes();
  const { config, settings } = await loadedOrStop(flags, runtimes);
  const own = createLogger(config.log.level, config.log.format);
  const { log } = own;
  const host = describeHost(config.hostId, [...config.resource, ...environmentResource(process.env['OTEL_RESOURCE_ATTRIBUTES'])]);
  if (host.warning !== undefined) log('warn', 'host_id', { text: host.warning });
  const folder = stateFolder(config, process.env);
  const lock = lockFolder(folder);
  if (lock.kind === 'refused') throw new Stop(EXIT.io, problemText(lock.problem));
  try {
    const patterns = places(config, runtimes, log);
    const wanted = { journals: journalsWanted(config, runtimes), commands: commandsWanted(config, process.env) };
    const ledger = new Ledger(runtimes.map(({ compiled }) => compiled), { ...ledgerOptions(config, host), live: true });
    const watch = new Watch({ config, runtimes, ledger, host, log, folder });
    const reload = new Reload({ flags, runtimes, own, watch }, settings);
    const manager = new ServiceManager(tellSystemd(process.env), log);
    process.on('SIGHUP', () => void manager.reloading(() => reload.now()));
    return await follow({ watch, manager, flags, config, log, host, folder, ledger, patterns, wanted });
  } finally {
    lock.release();
  }
}

interface Setting {
  readonly watch: Watch;
  readonly manager: ServiceManager;
  readonly flags: RunFlags;
  readonly config: Config;
  readonly log: Logger;
  readonly host: Host;
  readonly folder: string;
  readonly ledger: Ledger;
  readonly patterns: ReturnType<typeof places>;
  readonly wanted: { readonly journals: ReturnType<typeof journalsWanted>; readonly commands: ReturnType<typeof commandsWanted> };
}

async function follow(setting: Setting): Promise<ExitCode> {
  const { config, log, host, folder, ledger, patterns, wanted, flags, watch, manager } = setting;
  const state = new StateFile(folder, log);
  const loaded = state.load();
  if (loaded.kind === 'refused') throw new Stop(EXIT.io, problemText(loaded.problem));
  const saved = loaded.kind === 'loaded' ? loaded.state : undefined;
  const notes = new Notes(folder, log);
  const noted = notes.load();
  const memory = storedMemory(saved?.memory, noted.sent);
  if (memory !== undefined) ledger.restore(memory);
  const kept = keeping({ config, folder, host, ledger, log });
  const daemon: Daemon = newDaemon(setting, kept, { state, notes }, () => ({ follower, journals, commands }));
  const follower = newFollower(setting, daemon, grown(saved?.files ?? [], noted.sizes), loaded.kind === 'loaded' ? loaded.looked : undefined);
  const journals = newJournals(setting, daemon, saved?.journals ?? []);
  const commands = newCommands(setting, daemon, saved?.commands ?? []);
  const resume = (): void => [follower, journals, commands].forEach((each) => each.resume());
  const backEnd = new BackEnd({ config, flag: flags.otlp, host, folder, log, onDrain: () => daemon.drained(resume), onReady: (outlet) => (daemon.outlet = outlet) });
  await backEnd.start();
  const telemetry = await selfTelemetry({ config, ledger, follower, journals, commands, backEnd, state, store: kept.store, log, host });
  await kept.listen();
  // Before it says that it watches: who hears that may stop it.
  const stopped = stopSignal(log);
  follower.start();
  journals.start();
  commands.start();
  watch.start({
    ledger, follower, journals, commands, patterns, store: kept.store, queueLimit: config.queue.memory, version: version(),
    stats: () => backEnd.stats, stateWritable: () => state.failing === undefined, now: () => systemClock.now(), steady: () => performance.now(),
  });
  sayWhatIsWatched(setting, follower, backEnd, [...journals.names, ...commands.names]);
  manager.ready(`Watching ${patterns.length + wanted.journals.length + commands.names.length} places. The last words: journalctl -u shimtrace -n 20`, beatMs(process.env, process.pid));
  const code = await stopped;
  manager.stopping();
  journals.stop();
  await Promise.all([follower.stop(), commands.stop()]);
  daemon.finish();
  await Promise.all([backEnd.stop(FLUSH_MS), watch.stop()]);
  daemon.stop();
  kept.close();
  await telemetry?.stop();
  log('info', 'stopped', { text: `Stopped; ${ledger.flying} traces not acknowledged will be sent at the next start.` });
  return code;
}

interface Disk {
  readonly state: StateFile;
  readonly notes: Notes;
}

interface Readers {
  readonly follower: Follower;
  readonly journals: Journals;
  readonly commands: Commands;
}

function newDaemon({ ledger, log, watch }: Setting, kept: Keeping, { state, notes }: Disk, readers: () => Readers): Daemon {
  let entries: readonly JournalRecord[] = [];
  let output: readonly CommandRecord[] = [];
  return new Daemon(
    {
      ledger,
      clock: systemClock,
      log,
      files: () => {
        // Asked for together: what is let go later must be missing from neither.
        entries = readers().journals.records();
        output = readers().commands.records();
        return readers().follower.checkpointFiles();
      },
      openFiles: () => readers().follower.counters['files_followed'] ?? 0,
      save: (files, remembered) => {
        // First the starts, then that their lines may be let go: a crash in between repeats, and loses nothing.
        kept.flush();
        const saved = state.save(files, remembered, entries, output, readers().follower.lookedAgo);
        if (!saved) return false;
        notes.clear();
        readers().commands.saved();
        return true;
      },
      note: (marks) => notes.add(marks, readers().follower.takeGrown()),
      pause: () => Object.values(readers()).forEach((each) => each.pause()),
      finished: new Finished([...kept.observers, ...watch.observers], kept.known, log),
    },
    terminalOutlet((line) => process.stdout.write(line)),
  );
}

function newFollower({ config, log, folder, ledger, patterns, watch }: Setting, daemon: Daemon, records: readonly FileRecord[], lastRun: bigint | undefined): Follower {
  const silence = new SilenceWatch(ledger, log);
  return new Follower({
    patterns,
    intake: ledger,
    clock: systemClock,
    log: sourceLog(log),
    records,
    lastRun,
    exclude: [folder],
    onRead: () => {
      daemon.read();
      watch.read();
    },
    onEnds: () => daemon.settle(),
    onSweep: () => {
      daemon.settle();
      silence.look();
    },
    isBusy: () => daemon.busy,
    options: followOptions(config),
  });
}

function newJournals({ config, wanted: { journals: wanted }, log, ledger, watch }: Setting, daemon: Daemon, records: readonly JournalRecord[]): Journals {
  return new Journals({
    config, wanted, intake: ledger, clock: systemClock, log: sourceLog(log), records,
    onRead: () => {
      daemon.read();
      watch.read();
    },
  });
}

function newCommands({ config, wanted: { commands: wanted }, log, ledger, watch, folder }: Setting, daemon: Daemon, records: readonly CommandRecord[]): Commands {
  return new Commands({
    config, wanted, intake: ledger, clock: systemClock, log: sourceLog(log), folder, records, onGap: () => daemon.checkpoint(),
    onRead: () => {
      daemon.read();
      watch.read();
    },
  });
}

const followOptions = (config: Config): NonNullable<ConstructorParameters<typeof Follower>[0]['options']> => ({
  from: typeof config.from === 'string' ? { kind: config.from } : { kind: 'since', notBefore: nanos(systemClock.now() - BigInt(config.from.ago)) },
  sweepMs: config.sweep / 1e6,
  graceMs: config.rotateGrace / 1e6,
  deletedMax: config.limits.heldDeleted,
});

/** Problems of sources are sentences; the rest is named for `debug`. */
const sourceLog = (log: Logger): ConstructorParameters<typeof Follower>[0]['log'] => (level, event, fields) => {
  const { what, where, why, todo } = fields;
  const sentence = typeof what === 'string' && typeof where === 'string' && typeof why === 'string' && typeof todo === 'string';
  log(level, event, sentence ? { ...fields, text: problemText({ kind: 'unreadable', what, where, why, todo }) } : fields);
};

function sayWhatIsWatched({ log, patterns, folder }: Setting, follower: Follower, backEnd: BackEnd, others: readonly string[]): void {
  const found = follower.status();
  for (const { glob, runtime } of patterns) {
    const file = found.find(({ path }) => path === glob);
    const absent = /[*?[]/.test(glob) ? ' (pattern)' : ' (not there yet: followed as soon as it appears)';
    const note = file === undefined ? absent : file.problem === undefined ? '' : ` (${file.problem.what})`;
    log('info', 'watching', { text: `Watching ${glob}${runtime === undefined ? '' : ` for ${runtime}`}${note}` });
  }
  for (const name of others) log('info', 'watching', { text: `Watching ${printable(name, 300)}` });
  log('info', 'sending', { text: backEnd.words(DEFAULT_URL) });
  log('info', 'state', { text: `State in ${folder}. Try "npx shimtrace demo" to see a trace at once.`, state: join(folder, 'state.json') });
}

function stopSignal(log: Logger): Promise<ExitCode> {
  return new Promise((resolve) => {
    const stop = (signal: 'SIGTERM' | 'SIGINT') => (): void => {
      log('info', 'stopping', { text: `${signal}: finishing what is under way.` });
      resolve(signal === 'SIGTERM' ? EXIT.ok : EXIT.interrupted);
    };
    process.once('SIGTERM', stop('SIGTERM'));
    process.once('SIGINT', stop('SIGINT'));
  });
}
