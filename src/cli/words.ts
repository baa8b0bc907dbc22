import { human } from '../engine/render/duration.ts';
import { slowest } from '../engine/render/line.ts';
import { printable, shortId } from '../engine/render/safe.ts';
import type { Links, Words } from '../alerts/notice.ts';
import type { Config } from '../config/config.ts';
import type { Trace } from '../model/trace.ts';
import { grafanaLink, traceLink } from './links.ts';

/** How alerts say things: as every other command does. */
export const words: Words = { length: human, container: shortId, text: printable, slowest };

export const linksFor = ({ jaeger, grafana, grafanaSource }: Config['links'], trace: Trace): Links => ({
  jaeger: traceLink(jaeger, trace.id),
  grafana: grafana === undefined ? undefined : grafanaLink(grafana, grafanaSource, trace),
});
