/** Traces as Jaeger has them, with what a test asks of them. */
import { now } from '../real/host.ts';
import type { Jaeger } from '../real/jaeger.ts';
import { byTrace } from '../real/spans.ts';
import type { SpanView } from '../real/spans.ts';

export interface Story {
  readonly root: SpanView;
  readonly spans: readonly SpanView[];
  /** All that a span of it names. */
  readonly containers: ReadonlySet<string>;
  /** An attribute of a span, as text; undefined: it has none. */
  tell(span: SpanView, name: string): string | undefined;
  /** Sum of `shimtrace.credit.*_ns`. */
  readonly credits: bigint;
}

/** Every trace of every component since then, by id. A span that is there twice would show as two. */
export async function spansSince(jaeger: Jaeger, since: bigint): Promise<ReadonlyMap<string, readonly SpanView[]>> {
  const traces = new Map<string, readonly SpanView[]>();
  for (const service of await jaeger.services()) for (const [id, spans] of byTrace(await jaeger.traces(service, since - 2_000_000_000n, now()))) traces.set(id, spans);
  return traces;
}

/** The same with all that they tell. */
export async function storiesSince(jaeger: Jaeger, since: bigint): Promise<Story[]> {
  return Promise.all([...await spansSince(jaeger, since)].map(async ([id, spans]) => storyOf(spans, await jaeger.attributes(id))));
}

function storyOf(spans: readonly SpanView[], attributes: ReadonlyMap<string, ReadonlyMap<string, string>>): Story {
  const root = spans.find(({ parent }) => parent === '');
  if (root === undefined) throw new Error(`no root: ${spans.map(({ name }) => name).join(', ')}`);
  const credits = [...(attributes.get(root.spanId) ?? [])].filter(([name]) => /^shimtrace\.credit\.\w+_ns$/.test(name));
  return {
    root,
    spans,
    containers: new Set(spans.map(({ container }) => container).filter((id) => id !== '')),
    tell: (span, name) => attributes.get(span.spanId)?.get(name),
    credits: credits.reduce((sum, [, text]) => sum + BigInt(text), 0n),
  };
}

export const named = (stories: readonly Story[], name: string, id: string): Story[] => stories.filter(({ root, containers }) => root.name === name && containers.has(id));

/** Spans that are there in two forms: what is sent again is the same, or Jaeger shows both. */
export const twofold = ({ spans }: Story): string[] =>
  [...Map.groupBy(spans, ({ spanId }) => spanId).values()].filter((copies) => copies.length > 1).map((copies) => copies.map(({ service, name, events }) => `${service} ${name} with ${events.length} lines`).join(' and '));

/** Spans that stand out of their parents. */
export const outside = ({ spans }: Story): string[] => {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  return spans.filter(({ parent, start, end }) => {
    const outer = byId.get(parent);
    return outer !== undefined && (start < outer.start || end > outer.end);
  }).map(({ name }) => name);
};
