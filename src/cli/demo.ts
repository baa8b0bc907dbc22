import process from 'node:process';
import { DEFAULT_URL } from '../delivery/endpoint.ts';
import { Ledger, LEDGER_DEFAULTS } from '../engine/ledger.ts';
import { summaryLine } from '../engine/render/line.ts';
import { waterfall } from '../engine/render/waterfall.ts';
import { sourceKey } from '../model/source.ts';
import { nanos } from '../model/time.ts';
import type { Trace } from '../model/trace.ts';
import { systemClock } from './clock.ts';
import { DEMO, DEMO_LENGTH, demoLog } from './demolog.ts';
import { chooseEndpoint, defaultEndpoint, warnOnStderr } from './endpoint.ts';
import { describeHost } from './host.ts';
import { sending } from './import.ts';
import { traceLink } from './links.ts';
import { loadRuntimes } from './runtimes.ts';
import { settingsOrStop } from './settings.ts';
import { paperFor } from './terminal.ts';

/** `shimtrace demo`: made-up starts that end now, through the same parts as real ones. */
export async function demo(flags: { readonly otlp?: string }): Promise<void> {
  const runtimes = await loadRuntimes();
  const config = await settingsOrStop({}, runtimes);
  const host = describeHost(config.hostId, config.resource);
  const ledger = new Ledger(runtimes.map(({ compiled }) => compiled), { ...LEDGER_DEFAULTS, hostId: host.id });
  const source = ledger.begin({ key: sourceKey('demo'), name: 'demo', fresh: true, rank: 0 });
  const log = Buffer.from(demoLog(nanos(systemClock.now() - DEMO_LENGTH)));
  ledger.read(source, log, log.length, 0);
  ledger.end(source);
  const traces = ledger.settle(systemClock).map(({ trace }) => trace).sort((a, b) => (a.at < b.at ? -1 : 1));
  tell(traces);
  const endpoint = chooseEndpoint(flags.otlp, config, warnOnStderr) ?? (await defaultEndpoint(config, () => undefined));
  if (endpoint === undefined) {
    process.stdout.write(`\nNothing answers at ${DEFAULT_URL}, so this stayed here. Start Jaeger there and call it again to see the same in a browser.\n`);
    return;
  }
  const sink = await sending(endpoint, host);
  for (const trace of traces) await sink.put(trace);
  await sink.finish();
  const links = traces.map((trace) => `  ${traceLink(config.links.jaeger, trace.id)}`).join('\n');
  process.stdout.write(`\nSent to ${endpoint.url}. If that is Jaeger on this host:\n${links}\n`);
}

function tell(traces: readonly Trace[]): void {
  const paper = paperFor(process.stdout, process.env);
  process.stdout.write('Five made-up starts, read from a log that was just written:\n\n');
  for (const trace of traces) {
    const title = DEMO.find(({ id }) => id === trace.container)?.title ?? '';
    process.stdout.write(`${summaryLine(trace, paper.ascii)}\n    ${title}\n`);
  }
  const [first] = traces;
  if (first !== undefined) process.stdout.write(`\nThe first of them, as "shimtrace show FILE" draws it:\n\n${waterfall(first, paper)}`);
}
