import process from 'node:process';
import { theOne } from './kept.ts';
import { grafanaLink, Range, searchLink, traceLink } from './links.ts';
import { lookingConfig, openStarts } from './starts.ts';

export interface LinkFlags {
  readonly config?: string;
  readonly stateDir?: string;
}

/** `shimtrace link [ID]`: where a start is to be seen, one link a line, each after the name of what it opens. */
export async function link(id: string | undefined, flags: LinkFlags): Promise<void> {
  const config = await lookingConfig({ config: flags.config, stateDir: flags.stateDir });
  const starts = openStarts(config);
  try {
    const { trace } = await theOne(starts, id);
    const range = new Range();
    range.add(trace);
    const { jaeger, grafana, grafanaSource } = config.links;
    const links: readonly (readonly [string, string | undefined])[] = [
      ['jaeger trace', traceLink(jaeger, trace.id)],
      ['jaeger starts of this container', searchLink(jaeger, range, { operation: trace.spans[0]?.name ?? '', container: trace.container })],
      ['grafana trace', grafana === undefined ? undefined : grafanaLink(grafana, grafanaSource, trace)],
    ];
    const there = links.filter((each): each is readonly [string, string] => each[1] !== undefined);
    const width = Math.max(...there.map(([name]) => name.length));
    for (const [name, url] of there) process.stdout.write(`${name.padEnd(width)}  ${url}\n`);
  } finally {
    starts.close();
  }
}
