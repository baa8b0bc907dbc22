import { createWriteStream } from 'node:fs';
import process from 'node:process';
import type { Writable } from 'node:stream';
import type { Config } from '../config/config.ts';
import { DEFAULT_URL } from '../delivery/endpoint.ts';
import type { Endpoint } from '../delivery/endpoint.ts';
import { Ledger, LEDGER_DEFAULTS } from '../engine/ledger.ts';
import type { Trace } from '../model/trace.ts';
import { systemClock } from './clock.ts';
import { chooseEndpoint, defaultEndpoint, warnOnStderr } from './endpoint.ts';
import { EXIT, Stop } from './exit.ts';
import { describeHost, environmentResource } from './host.ts';
import type { Host } from './host.ts';
import { Range, searchLink, traceLink } from './links.ts';
import { wanted } from './logs.ts';
import { harmless, problemCode, problemText } from './problem.ts';
import { ProgressLine } from './progress.ts';
import { openFiles, readArchives } from './read.ts';
import type { ReadPins } from './read.ts';
import { loadRuntimes } from './runtimes.ts';
import type { KnownRuntime } from './runtimes.ts';
import { checkPins, ledgerOptions, settingsOrStop } from './settings.ts';
import { stopForNothing, writerOf } from './show.ts';
import type { Format } from './show.ts';
import { summary, tally } from './tally.ts';

export interface ImportFlags {
  readonly container?: string;
  readonly config?: string;
  readonly format?: Format;
  readonly hostId?: string;
  readonly journal?: readonly string[];
  readonly otlp?: string;
  readonly output?: string;
  readonly runtime?: string;
  readonly scheme?: string;
  readonly shiftToNow?: boolean;
  readonly rawClock?: boolean;
}

/** Takes traces one by one; `settled` resolves when nothing more may be held back. */
interface Sink {
  /** Resolves when the next may come. */
  put(trace: Trace): Promise<void>;
  finish(): Promise<void>;
}

/** How long a back-end may stay away before an import gives up. */
const PATIENCE_MS = 30_000;

/** `shimtrace import FILE...`: the starts of finished logs, to a back-end or into a file. */
export async function importFiles(files: readonly string[], flags: ImportFlags): Promise<void> {
  if (files.length + (flags.journal?.length ?? 0) === 0) throw new Stop(EXIT.usage, 'Nothing to import: name a FILE, - for standard input, or --journal DIR.');
  const runtimes = await loadRuntimes();
  checkPins(runtimes, flags.runtime, flags.scheme, EXIT.usage);
  const config = await settingsOrStop({ config: flags.config, hostId: flags.hostId }, runtimes);
  const host = describeHost(config.hostId, [...config.resource, ...environmentResource(process.env['OTEL_RESOURCE_ATTRIBUTES'])]);
  const shift = flags.shiftToNow === true ? await shiftToNow(files, flags, runtimes, host) : undefined;
  const archives = openFiles(files, flags.journal);
  const sink = await sinkFor(flags, config, host);
  const ledger = newLedger(runtimes, config, host, shift, flags.rawClock === true);
  const range = new Range();
  const progress = new ProgressLine(process.stderr, ledger);
  let shown = 0;
  const reading = readArchives(archives, ledger, pinsOf(flags), (state) => progress.update(state));
  let step = await reading.next();
  for (; step.done !== true; step = await reading.next()) {
    for (const { trace } of step.value) {
      ledger.acknowledged(trace.id);
      if (!wanted(trace, flags.container)) continue;
      range.add(trace);
      shown++;
      await sink.put(trace);
    }
  }
  progress.end();
  const [first] = step.value;
  if (first !== undefined && tally(ledger).lines === 0) throw new Stop(problemCode(first), problemText(first));
  for (const problem of step.value) process.stderr.write(`shimtrace: ${problemText(problem)}\n`);
  await sink.finish();
  for (const line of summary(ledger)) process.stderr.write(`${line}\n`);
  if (flags.format === undefined) sayWhere(range, config);
  stopForNothing(ledger, [...files, ...(flags.journal ?? [])], shown, flags.container);
  if (step.value.length > 0) throw new Stop(EXIT.data, 'Not everything could be read; what came before is done.');
}

const pinsOf = (flags: ImportFlags): ReadPins => ({ runtime: flags.runtime, scheme: flags.scheme });

function newLedger(runtimes: readonly KnownRuntime[], config: Config, host: Host, shift: bigint | undefined, rawClock: boolean): Ledger {
  return new Ledger(runtimes.map(({ compiled }) => compiled), { ...ledgerOptions(config, host), ...(shift !== undefined && { shift }), rawClock });
}

/** By how much all times must move so that the last start ends now: reads everything once for it. */
async function shiftToNow(files: readonly string[], flags: ImportFlags, runtimes: readonly KnownRuntime[], host: Host): Promise<bigint> {
  if (files.includes('-')) throw new Stop(EXIT.usage, '--shift-to-now reads the logs twice, and standard input comes only once. Write it to a file first.');
  const ledger = new Ledger(runtimes.map(({ compiled }) => compiled), { ...LEDGER_DEFAULTS, hostId: host.id });
  const range = new Range();
  const reading = readArchives(openFiles(files, flags.journal), ledger, pinsOf(flags), () => undefined);
  for (let step = await reading.next(); step.done !== true; step = await reading.next()) {
    for (const { trace } of step.value) {
      ledger.acknowledged(trace.id);
      if (wanted(trace, flags.container)) range.add(trace);
    }
  }
  const now = systemClock.now();
  return now - (range.end ?? now);
}

async function sinkFor(flags: ImportFlags, config: Config, host: Host): Promise<Sink> {
  if (flags.format !== undefined || flags.output !== undefined) {
    if (flags.otlp !== undefined) throw new Stop(EXIT.usage, '--otlp sends, --format and -o write: name one of them.');
    return writing(flags.format ?? 'otlp-json', flags.output, host);
  }
  const endpoint = chooseEndpoint(flags.otlp, config, warnOnStderr) ?? (await defaultEndpoint(config, () => undefined));
  if (endpoint === undefined) {
    throw new Stop(
      EXIT.unavailable,
      `No back-end: none is named and nothing answers at ${DEFAULT_URL}. Start Jaeger or a Collector there, name one with --otlp URL, or write to the terminal with --format text.`,
    );
  }
  return sending(endpoint, host);
}

function writing(format: Format, output: string | undefined, host: Host): Sink {
  const write = writerOf(format, host);
  const stream: Writable = output === undefined ? process.stdout : createWriteStream(output);
  const unwritable = (error: Error): Stop => new Stop(EXIT.io, `Cannot write ${output ?? 'standard output'}: ${error.message}.`);
  const failed = new Promise<never>((_, reject) => {
    stream.once('error', (error) => reject(unwritable(error)));
  });
  failed.catch(() => undefined); // raced below; a failure after the last race has been told by then
  return {
    put: async (trace) => {
      if (!stream.write(write(trace))) await Promise.race([new Promise((resolve) => stream.once('drain', resolve)), failed]);
    },
    finish: async () => {
      if (output === undefined) return;
      // A file that cannot even be opened ends its stream first and tells its error afterwards.
      const ended = new Promise<void>((resolve, reject) => stream.end((error?: Error | null) => (error ? reject(unwritable(error)) : resolve())));
      await Promise.race([ended, failed]);
    },
  };
}

/** Sends with the same loop as the daemon; stops reading while too much waits. */
export async function sending(endpoint: Endpoint, host: Host): Promise<Sink> {
  const { Exporter } = await import('../delivery/exporter.ts');
  const { TraceEncoder } = await import('../delivery/encode.ts');
  let drained: (() => void) | undefined;
  let refused = 0;
  const exporter = new Exporter({
    endpoint,
    maxWaitingBytes: 8 * 1024 * 1024,
    onDrain: () => drained?.(),
    log: (level, _event, fields) => {
      if (level !== 'info' && typeof fields['text'] === 'string') process.stderr.write(`shimtrace: ${harmless(fields['text'])}\n`);
    },
  });
  const encoder = new TraceEncoder(host.attributes);
  const unavailable = (): Stop =>
    new Stop(EXIT.unavailable, `${endpoint.url} took nothing for ${PATIENCE_MS / 1000} s: ${exporter.stats.lastError ?? 'no answer'}. Nothing is lost: import again, ids stay the same.`);
  return {
    put: async (trace) => {
      exporter.offer(encoder.encode(trace), (fate) => {
        if (fate.kind === 'refused') refused++;
      });
      while (exporter.full) {
        const before = exporter.stats.acknowledgedTraces;
        const room = await Promise.race([new Promise<true>((resolve) => (drained = () => resolve(true))), after(PATIENCE_MS)]);
        if (room !== true && exporter.stats.acknowledgedTraces === before) throw unavailable();
      }
    },
    finish: async () => {
      for (let before = -1; !(await exporter.flush(PATIENCE_MS)); before = exporter.stats.acknowledgedTraces) {
        if (exporter.stats.acknowledgedTraces === before) throw unavailable();
      }
      exporter.close();
      if (refused > 0) throw new Stop(EXIT.data, `${endpoint.url} refused ${refused} traces for what they contain (see above).`);
    },
  };
}

const after = (ms: number): Promise<false> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms, false).unref();
  });

function sayWhere(range: Range, config: Config): void {
  if (range.traces.length === 0) return;
  const { jaeger } = config.links;
  if (range.count <= 3) for (const id of range.traces) process.stderr.write(`${traceLink(jaeger, id)}\n`);
  else process.stderr.write(`${searchLink(jaeger, range)}\n`);
}
