import process from 'node:process';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { EXIT, Stop } from './cli/exit.ts';
import { harmless } from './cli/problem.ts';
import type { TestFlags } from './cli/alertstest.ts';
import type { DoctorFlags } from './cli/doctor.ts';
import type { ImportFlags } from './cli/import.ts';
import type { LinkFlags } from './cli/link.ts';
import type { LsFlags } from './cli/ls.ts';
import type { RunFlags } from './cli/run.ts';
import type { ShowFlags } from './cli/show.ts';
import type { TailFlags } from './cli/tail.ts';
import type { WhyFlags } from './cli/why.ts';
import { version } from './cli/version.ts';

/** Runs the command line and ends the process with its exit code. Commands are loaded when they are called. */
export async function main(argv: readonly string[]): Promise<void> {
  // The reader of a pipe may leave early (`shimtrace show ... | head`): nothing is wrong then, and nothing is left to do.
  process.stdout.on('error', (error) => {
    if (isClosedPipe(error)) process.exit(EXIT.ok);
    throw error;
  });
  try {
    await program().parseAsync(argv);
  } catch (error) {
    process.exitCode = codeOf(error);
  }
}

function codeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage; // its message is out already
  if (error instanceof Stop) {
    if (error.message !== '') process.stderr.write(`shimtrace: ${harmless(error.message)}\n`);
    return error.code;
  }
  const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`shimtrace: a bug of shimtrace: ${harmless(told)}\n`);
  return 70;
}

const isClosedPipe = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'EPIPE';

/** An unknown option is quoted back, and may be the name of a file that a shell's `*` found. */
const SAFELY = { writeErr: (text: string) => void process.stderr.write(harmless(text)) };

function program(): Command {
  const top = new Command('shimtrace')
    .description('Turns what container runtimes already log into traces of how each container came up.')
    .version(`shimtrace ${version()}`, '-V, --version')
    .showHelpAfterError('(shimtrace COMMAND --help tells more)')
    .addHelpText('after', examples('shimtrace run', 'shimtrace show /tmp/urunc.zlog', 'shimtrace demo'))
    .exitOverride()
    .configureOutput(SAFELY)
    .configureHelp({ showGlobalOptions: false });
  addRun(top);
  addImport(top);
  addShow(top);
  addWhy(top);
  addLs(top);
  addTail(top);
  addLink(top);
  addDemo(top);
  addCheck(top);
  addAlerts(top);
  addDoctor(top);
  top.command('version').description('print the version').action(() => void process.stdout.write(`shimtrace ${version()}\n`));
  for (const command of top.commands) command.exitOverride().configureOutput(SAFELY).showHelpAfterError(`(shimtrace ${command.name()} --help tells more)`);
  return top;
}

const examples = (...lines: string[]): string => `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;

const gather = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** Ids may be abbreviated to four and more characters. */
function prefix(value: string): string {
  if (!/^[A-Za-z0-9_.+:-]{4,128}$/.test(value)) throw new InvalidArgumentError('Give at least the first four characters of a container id.');
  return value;
}

const count = (value: string): number => {
  if (!/^\d{1,7}$/.test(value)) throw new InvalidArgumentError('Give a whole number.');
  return Number(value);
};

const STATE_DIR = ['--state-dir <dir>', 'state folder of the daemon'] as const;

/** What all commands that list kept starts take. */
const picksStarts = (command: Command): Command =>
  command
    .option('--runtime <name>', 'only this runtime')
    .option('--container <prefix>', 'only containers whose id begins so', prefix)
    .addOption(new Option('--format <format>', 'how to write').choices(['text', 'json']).default('text'))
    .option(...STATE_DIR)
    .option('--config <file>', 'configuration');

const format = (): Option => new Option('--format <format>', 'how to write').choices(['text', 'json', 'otlp-json']);

function addRun(top: Command): void {
  top
    .command('run')
    .description('follow the logs of this host and send each start as a trace')
    .option('--file <[runtime=]glob>', 'follow these files instead of what the runtimes write by default (repeatable)', gather)
    .addOption(new Option('--journal [selection]', 'follow the systemd journal: all of it, or a unit, an identifier, FIELD=value, /DIR, ns:NAME (repeatable)').preset('all').argParser(gather))
    .addOption(new Option('--events [namespace]', 'follow the events of containerd: all of them, or of a namespace (repeatable), or off').preset('all').argParser(gather))
    .option('--otlp <url>', 'send to this OTLP/gRPC endpoint, http://host:port or https://host:port')
    .option('--state-dir <dir>', 'where to remember what was sent')
    .option('--host-id <id>', 'host id that goes into every trace id')
    .option('--from <place>', 'where to begin in files seen for the first time: beginning, end, or a time ago such as -1h')
    .option('--listen <host:port>', 'where Prometheus finds metrics (default 127.0.0.1:9464), or off')
    .option('--config <file>', 'configuration (default /etc/shimtrace/shimtrace.yaml, if there)')
    .option('--log-level <level>', 'trace, debug, info, warn or error')
    .addHelpText('after', examples(
      'shimtrace run',
      'shimtrace run --otlp http://jaeger.example:4317',
      "shimtrace run --file 'urunc=/var/log/urunc/*.log' --state-dir /tmp/state --log-level debug",
    ))
    .action(async (flags: RunFlags) => {
      const { run } = await import('./cli/run.ts');
      process.exitCode = await run(flags);
    });
}

/** What all commands that read finished logs take. */
const readsFiles = (command: Command, argument: string): Command =>
  command
    .argument(argument)
    .option('--container <prefix>', 'only containers whose id begins so', prefix)
    .option('--host-id <id>', 'host id that goes into every trace id')
    .option('--runtime <name>', 'who wrote the lines')
    .option('--scheme <version>', 'version of the log, where lines alone do not tell')
    .option('--raw-clock', 'leave times of a guest as the guest tells them, not moved to the host\'s clock');

function addImport(top: Command): void {
  readsFiles(top.command('import'), '[file...]')
    .description('read finished logs (plain, .gz, .zst, exported journals, - for standard input) and send or write their traces')
    .option('--journal <dir>', 'read the systemd journal in this folder (repeatable)', gather)
    .option('--otlp <url>', 'send to this OTLP/gRPC endpoint')
    .addOption(format())
    .option('-o, --output <file>', 'write there (otlp-json unless --format says otherwise)')
    .option('--shift-to-now', 'move all times so that the last start ends now; marked on every trace')
    .option('--config <file>', 'configuration')
    .addHelpText('after', examples(
      'shimtrace import /tmp/urunc.zlog /tmp/urunc.zlog.1.gz',
      'shimtrace import old.log --shift-to-now --otlp http://localhost:4317',
      'shimtrace import --journal /var/log/journal --format text',
      'zstdcat logs.zst | shimtrace import - --format otlp-json -o traces.jsonl',
    ))
    .action(async (files: string[], flags: ImportFlags) => {
      const { importFiles } = await import('./cli/import.ts');
      await importFiles(files, flags);
    });
}

function addShow(top: Command): void {
  readsFiles(top.command('show'), '[id|file...]')
    .description('show where the time went: of the last start the daemon kept, of one by its id, or of the starts in log files')
    .addOption(format().default('text'))
    .option(...STATE_DIR)
    .addHelpText('after', examples(
      'shimtrace show',
      'shimtrace show fa7d',
      'shimtrace show /var/log/urunc/timestamps.log',
      'shimtrace show /tmp/urunc.zlog --container fa7d2b21',
      'shimtrace show - --format json < /tmp/urunc.zlog | jq .wall_ns',
    ))
    .action(async (files: string[], flags: ShowFlags) => {
      const { show } = await import('./cli/show.ts');
      await show(files, flags);
    });
}

function addWhy(top: Command): void {
  readsFiles(top.command('why'), '[id|file...]')
    .description('say where the time went: findings, each with its loss, the lines that prove it and what to do')
    .option(...STATE_DIR)
    .addOption(new Option('--format <format>', 'how to write').choices(['text', 'json']).default('text'))
    .addHelpText('after', examples(
      'shimtrace why f82471d2',
      'shimtrace why kata.log',
      'shimtrace why /var/log/syslog /var/log/syslog.1 --container f82471d2',
      'journalctl -o short -t kata-runtime -t kata-proxy | shimtrace why - --format json',
    ))
    .action(async (files: string[], flags: WhyFlags) => {
      const { why } = await import('./cli/why.ts');
      await why(files, flags);
    });
}

function addLs(top: Command): void {
  picksStarts(top.command('ls'))
    .description('list the starts that have finished, newest first')
    .option('-n <count>', 'at most so many', count, 20)
    .option('--since <moment>', '-1h, -2d, 2026-11-20 or 2026-11-20T23:14:05Z')
    .option('--slow [length]', 'only those whose active time is as long or longer (1s unless said)')
    .option('--failed', 'only those that failed or stopped on the way')
    .option('--all', 'stops and execs, too')
    .addHelpText('after', examples('shimtrace ls', 'shimtrace ls --slow 500ms --since -1d', 'shimtrace ls --failed --format json | jq -r .trace_id'))
    .action(async (flags: LsFlags) => {
      const { ls } = await import('./cli/ls.ts');
      await ls(flags);
    });
}

function addTail(top: Command): void {
  picksStarts(top.command('tail'))
    .description('print each start as it finishes')
    .option('-n <count>', 'the last ones first, so many', count, 10)
    .addHelpText('after', examples('shimtrace tail', 'shimtrace tail -n 0 --runtime urunc'))
    .action(async (flags: TailFlags) => {
      const { tail } = await import('./cli/tail.ts');
      process.exitCode = await tail(flags);
    });
}

function addLink(top: Command): void {
  top
    .command('link')
    .description('print links to a start in Jaeger, and in Grafana where links.grafana is set')
    .argument('[id]', 'container or trace id, the first four characters or more (default: the last start)', prefix)
    .option(...STATE_DIR)
    .option('--config <file>', 'configuration')
    .addHelpText('after', examples('shimtrace link', 'shimtrace link fa7d'))
    .action(async (id: string | undefined, flags: LinkFlags) => {
      const { link } = await import('./cli/link.ts');
      await link(id, flags);
    });
}

function addDemo(top: Command): void {
  top
    .command('demo')
    .description('play a few made-up starts as if they happened now: to the terminal, and to Jaeger if one answers')
    .option('--otlp <url>', 'send to this OTLP/gRPC endpoint (default http://localhost:4317, if something answers)')
    .addHelpText('after', examples('shimtrace demo', 'shimtrace demo --otlp http://localhost:4317'))
    .action(async (flags: { readonly otlp?: string }) => {
      const { demo } = await import('./cli/demo.ts');
      await demo(flags);
    });
}

function addAlerts(top: Command): void {
  const alerts = top.command('alerts').description('alert rules: try one');
  alerts
    .command('test')
    .description('send what a rule would send for one start, whether it was slow or not')
    .argument('<rule>')
    .argument('[file|id]', 'a log, of which the last start is taken, or the id of a kept start; without it the last kept start')
    .option('--state-dir <dir>', 'where the daemon keeps its starts')
    .option('--container <prefix>', 'in a log: the last start of a container whose id begins so', prefix)
    .option('--config <file>', 'configuration (default /etc/shimtrace/shimtrace.yaml, if there)')
    .addHelpText('after', examples('shimtrace alerts test slow-start', 'shimtrace alerts test slow-start fa7d2b21', 'shimtrace alerts test slow-start /var/log/urunc/timestamps.log'))
    .action(async (rule: string, file: string | undefined, flags: TestFlags) => {
      const { testAlert } = await import('./cli/alertstest.ts');
      await testAlert(rule, file, flags);
    });
  for (const command of alerts.commands) command.exitOverride().configureOutput(SAFELY).showHelpAfterError(`(shimtrace alerts ${command.name()} --help tells more)`);
}

function addCheck(top: Command): void {
  top
    .command('check')
    .description('check a configuration and print what is in effect, and why')
    .argument('[file]')
    .addHelpText('after', examples('shimtrace check', 'shimtrace check ./shimtrace.yaml'))
    .action(async (file: string | undefined) => {
      const { check } = await import('./cli/check.ts');
      await check(file);
    });
}

function addDoctor(top: Command): void {
  top
    .command('doctor')
    .description('look at this host: what is missing for traces, and what to do about it')
    .option('--file <[runtime=]glob>', 'look at these files instead of what the runtimes write by default (repeatable)', gather)
    .option('--otlp <url>', 'send the test trace to this OTLP/gRPC endpoint')
    .addOption(new Option('--format <format>', 'how to write').choices(['text', 'json']).default('text'))
    .option(...STATE_DIR)
    .option('--root <dir>', 'look at the host whose files are mounted there')
    .option('--config <file>', 'configuration')
    .addHelpText('after', examples('shimtrace doctor', 'shimtrace doctor --otlp http://jaeger.example:4317', 'shimtrace doctor --format json | jq -r \'select(.result == "problem").what\''))
    .action(async (flags: DoctorFlags) => {
      const { doctor } = await import('./cli/doctor.ts');
      process.exitCode = await doctor(flags);
    });
}
