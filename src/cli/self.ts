import { randomUUID } from 'node:crypto';
import process from 'node:process';
import type { Config } from '../config/config.ts';
import type { Telemetry } from '../delivery/telemetry.ts';
import type { Ledger } from '../engine/ledger.ts';
import type { Follower } from '../sources/follow.ts';
import type { StateFile } from '../sources/state.ts';
import type { BackEnd } from './backend.ts';
import type { Store } from '../store/store.ts';
import type { Host } from './host.ts';
import type { Logger } from './logger.ts';
import { tally } from './tally.ts';
import { version } from './version.ts';

interface Parts {
  readonly config: Config;
  readonly ledger: Ledger;
  readonly follower: Follower;
  readonly commands: { readonly counters: Readonly<Record<string, number>> };
  readonly journals: { readonly counters: Readonly<Record<string, number>> };
  readonly backEnd: BackEnd;
  readonly state: StateFile;
  readonly store: Store | undefined;
  readonly log: Logger;
  readonly host: Host;
}

const COUNTED = [
  'settled_ok', 'settled_created', 'settled_incomplete', 'settled_failed', 'settled_stop', 'settled_exec', 'handed-to-runc', 'duplicate', 'late',
  'lines_missing', 'loose_without_start', 'after_end', 'log_begins_inside', 'too_many_events', 'too_many_open',
] as const;

/** The daemon's own traces and metrics, when the configuration or an OTEL_* variable asks for them. */
export async function selfTelemetry(parts: Parts): Promise<Telemetry | undefined> {
  const { config, backEnd, log } = parts;
  const { telemetryWanted, startTelemetry } = await import('../delivery/telemetry.ts');
  if (!telemetryWanted(process.env, config.telemetry)) return undefined;
  const telemetry = await startTelemetry({
    version: version(),
    instanceId: randomUUID(),
    url: backEnd.url,
    env: process.env,
    snapshot: () => snapshot(parts),
    onError: (error) => log('error', 'telemetry', { text: `The daemon's own telemetry does not work: ${String(error)}. Everything else does.` }),
  });
  if (telemetry === undefined) return undefined;
  backEnd.onAttempt = ({ began, ...attributes }) => telemetry.span('send batch', began, attributes);
  return telemetry;
}

function snapshot({ ledger, follower, journals, commands, backEnd, state, store }: Parts): Record<string, number> {
  const { lines, events, ignored, unknown, malformed } = tally(ledger);
  const figures: Record<string, number> = {
    lines_total: lines,
    events_total: events,
    lines_ignored_total: ignored,
    lines_unknown_total: unknown,
    lines_malformed_total: malformed,
    open_starts: ledger.openEpisodes,
    unacknowledged_traces: ledger.flying,
    spans_acknowledged_total: backEnd.stats?.acknowledgedSpans ?? 0,
    spans_refused_total: backEnd.stats?.refusedSpans ?? 0,
    bytes_waiting: backEnd.stats?.waitingBytes ?? 0,
    store_unwritable: Number(store?.failing === true),
    store_lost_starts_total: store?.counters.lost ?? 0,
    state_unwritable: Number(state.failing !== undefined),
    spool_bytes: backEnd.stats?.spoolBytes ?? 0,
    spool_traces: backEnd.stats?.spooledTraces ?? 0,
    spool_lost_traces_total: backEnd.stats?.spoolLostTraces ?? 0,
  };
  for (const name of COUNTED) figures[`${name.replaceAll('-', '_')}_total`] = ledger.counts.get(name) ?? 0;
  for (const [name, value] of Object.entries(follower.counters)) figures[`files_${name}`] = value;
  for (const [name, value] of Object.entries(journals.counters)) figures[`journal_${name}`] = value;
  for (const [name, value] of Object.entries(commands.counters)) figures[`command_${name}`] = value;
  return figures;
}
