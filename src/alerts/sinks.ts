/** The four kinds of sinks, each a way to hand over one alert. */
import { TOTAL } from '../model/alert.ts';
import type { SinkSpec } from '../model/alert.ts';
import { after, duration, MINUTE, rfc3339 } from '../model/time.ts';
import { call } from './command.ts';
import type { Delivery } from './delivery.ts';
import { post } from './http.ts';
import type { Notice } from './notice.ts';

export type Deliver = (notice: Notice, signal: AbortSignal) => Promise<Delivery>;

/** A line of the daemon's own log. */
export type TellJournal = (fields: Readonly<Record<string, string | number | boolean>>) => void;

const HTTP_MS = 10_000;
const COMMAND_MS = 30_000;
/** Alertmanager takes an alert for over after this, or after the rule's cool-down where that is longer. */
const SHORTEST_HOLD = duration(5 * MINUTE);

/** @param limit overrides how long one attempt may take, in ms. */
export function sinkOf(spec: SinkSpec, journal: TellJournal, limit?: number): Deliver {
  switch (spec.kind) {
    case 'alertmanager': {
      const url = `${spec.url.replace(/\/+$/, '')}/api/v2/alerts`;
      return (notice, signal) => post({ url, headers: spec.headers, body: JSON.stringify([alertOf(notice)]), limit: limit ?? HTTP_MS, signal });
    }
    case 'webhook':
      return (notice, signal) => post({ url: spec.url, headers: spec.headers, body: notice.json, limit: limit ?? HTTP_MS, signal });
    case 'command':
      return (notice, signal) => call({ argv: spec.argv, input: notice.json, limit: limit ?? COMMAND_MS, signal });
    case 'journal':
      return (notice) => {
        journal(fieldsOf(notice));
        return Promise.resolve({ kind: 'delivered' });
      };
    default:
      return spec satisfies never;
  }
}

/** As Alertmanager's API v2 wants it (postableAlert, Alertmanager 0.25). Alerts of one set of labels are one alert there. */
export function alertOf({ rule, trace, breaches, host, links, summary, description, finding, test, now }: Notice): object {
  const hold = duration(Math.max(rule.cooldown, SHORTEST_HOLD));
  return {
    labels: {
      alertname: rule.on === 'slow' ? 'ContainerStartSlowly' : 'ContainerStartFailed',
      rule: rule.name,
      severity: rule.severity,
      runtime: trace.runtime,
      phase: breaches[0]?.phase ?? TOTAL,
      container: trace.container.toWellFormed(),
      instance: host.name,
      ...(test && { test: 'true' }),
    },
    annotations: {
      summary,
      description,
      trace_id: trace.id,
      jaeger: links.jaeger,
      ...(links.grafana !== undefined && { grafana: links.grafana }),
      ...(finding !== undefined && { finding: finding.text }),
    },
    startsAt: rfc3339(now),
    endsAt: rfc3339(after(now, hold)),
    generatorURL: links.jaeger,
  };
}

function fieldsOf({ rule, trace, breaches, links, summary, finding, heldBack, status }: Notice): Readonly<Record<string, string | number | boolean>> {
  const [first] = breaches;
  return {
    text: `${summary}. ${links.jaeger}${heldBack > 0 ? ` (${heldBack} more were held back)` : ''}`,
    rule: rule.name,
    severity: rule.severity,
    status,
    runtime: trace.runtime,
    container: trace.container,
    trace: trace.id,
    outcome: trace.outcome,
    active_ns: trace.active,
    ...(first !== undefined && { phase: first.phase, took_ns: first.took, limit_ns: first.limit }),
    ...(finding !== undefined && { finding: finding.id }),
    held_back: heldBack,
    jaeger: links.jaeger,
  };
}
