/** The words that make spans (reference/runtime-vocabulary.md 2). Each returns data. */
import type { Credit } from './trace.ts';

/** A stretch from the first of `from` to the first of `to` after it. Later entries of a list stand in and make it bounded. */
export interface Between<M extends string = string> {
  readonly kind: 'between';
  readonly service: string;
  readonly name: string;
  readonly from: readonly M[];
  readonly to: readonly M[];
  readonly credit: Credit;
  readonly waits: boolean;
  /** Names of spans that caused this one, best first: becomes a span link. */
  readonly by: readonly string[];
  /** From one process to another: both ends are looked for in the whole episode, not in each process. Then never exact. */
  readonly across: boolean;
  /** Its end is not always written: without it there is no span. */
  readonly optional: boolean;
  /** Its end is written several times: the last counts. */
  readonly last: boolean;
  /** Both ends are looked for among all lines of one container, whichever process or request wrote them. */
  readonly together: boolean;
  /**
   * Only its end is told. It begins at the latest of `from`, of the ends of the container's spans of these names, and of the beginning of
   * the span around it; so it is never exact. Undefined: it begins at `from`.
   */
  readonly after: readonly string[] | undefined;
  /** It is over by this mark: an end that comes later is another's. */
  readonly over?: M;
}

/** A chain: each step ends at its mark and begins where the one before ended. A missing mark joins two steps. */
export interface Steps<M extends string = string> {
  readonly kind: 'steps';
  readonly service: string;
  readonly prefix: string;
  readonly from: M;
  readonly steps: readonly { readonly name: string; readonly to: M; readonly waits: boolean }[];
  readonly credit: Credit;
}

/** A process as far as its lines show it: first to last. Named for its command. */
export interface Sessions<M extends string = string> {
  readonly kind: 'sessions';
  readonly service: string;
  /** Requests, which write when they begin and end: from these marks to those they are exact, and without an end incomplete. */
  readonly from: readonly M[];
  readonly to: readonly M[];
  /** Stand close to a begin, or to an end, that is not written at this log level: it is then bounded by them. */
  readonly nearBegin: readonly M[];
  readonly nearEnd: readonly M[];
  /** Without an answer before one of these for its container, it failed. */
  readonly lostAt: readonly M[];
  readonly credit: Credit;
}

/** What the caller lets pass between two processes of one container: `caller: gap before start`. */
export interface Gaps {
  readonly kind: 'gaps';
  /** Whose processes. */
  readonly service: string;
}

/** Each `from` of a process to the next `to`, one at a time: a second `from` before a `to` ends the first, which is then bounded. */
export interface Pairs<M extends string = string> {
  readonly kind: 'pairs';
  readonly service: string;
  /** May hold holes of `from`. */
  readonly name: string;
  readonly from: M;
  readonly to: readonly M[];
  /** Another process' mark that ends it where its own ends are not written. */
  readonly elsewhere: readonly M[];
  readonly credit: Credit;
  readonly waits: boolean;
  /** Service on the other side: the span is a CLIENT. */
  readonly peer?: string;
  /** The process writes nothing in between: any other line of it shows that the end was lost. */
  readonly alone: boolean;
  /** Its own end is never written: it ends, at the latest, where the next thing begins. */
  readonly upToNext: boolean;
  /** The request of its container for which, and so inside which, the guest does it. */
  readonly request?: string;
}

/** Stages of one process, each from its mark to the next mark of the list, the last to one of `until`. Begin exact, end inferred. */
export interface Stages<M extends string = string> {
  readonly kind: 'stages';
  readonly service: string;
  readonly stages: readonly { readonly name: string; readonly from: M }[];
  readonly until: readonly M[];
  readonly credit: Credit;
}

/**
 * A call of the host and its execution in the guest, that belong together by the hole `like` and by order. The host writes only
 * that it asks: its span ends at the next line of its process. The guest writes at the end, and how long it took.
 */
export interface Rpc<M extends string = string> {
  readonly kind: 'rpc';
  readonly like: string;
  /** Hole or field of the guest's line that says how long it took, as Go writes durations. */
  readonly took: string;
  readonly client: { readonly service: string; readonly name: string; readonly mark: M };
  readonly server: { readonly service: string; readonly name: string; readonly mark: M; readonly asked: M };
}

/** From the guest kernel's own zero to the guest's first mark: kernel lines tell seconds since the kernel began. */
export interface Boot<M extends string = string> {
  readonly kind: 'boot';
  readonly service: string;
  readonly name: string;
  readonly kernel: M;
  readonly to: readonly M[];
}

export type SpanRule<M extends string = string> = Between<M> | Steps<M> | Sessions<M> | Gaps | Pairs<M> | Stages<M> | Rpc<M> | Boot<M>;

interface BetweenOptions {
  readonly credit?: Credit;
  readonly waits?: boolean;
  readonly by?: readonly string[];
  readonly across?: boolean;
  readonly optional?: boolean;
  readonly last?: boolean;
  readonly together?: boolean;
  readonly after?: readonly string[];
}

interface OverOptions<M extends string> extends BetweenOptions {
  readonly over?: M;
}

const list = <M extends string>(marks: M | readonly M[]): readonly M[] => (typeof marks === 'string' ? [marks] : marks);

/** `between('create', 'urunc-create', 'create invoked', ['create ended', 'ack sent'])`: the first named is meant, the others stand in. */
export const between = <const M extends string>(
  name: string,
  service: string,
  from: M | readonly M[],
  to: M | readonly M[],
  options: OverOptions<M> = {},
): Between<M> => ({
  kind: 'between',
  service,
  name,
  from: list(from),
  to: list(to),
  credit: options.credit ?? 'runtime',
  waits: options.waits ?? false,
  by: options.by ?? [],
  across: options.across ?? false,
  optional: options.optional ?? false,
  last: options.last ?? false,
  together: options.together ?? false,
  after: options.after,
  ...(options.over !== undefined && { over: options.over }),
});

/** `steps('create', 'urunc-create', 'create invoked', { 'initial setup': 'set up', ... })`: span names are `create: initial setup`. */
export const steps = <const M extends string>(
  prefix: string,
  service: string,
  from: M,
  chain: Readonly<Record<string, M | { readonly waitsFor: M }>>,
): Steps<M> => ({
  kind: 'steps',
  service,
  prefix,
  from,
  steps: Object.entries(chain).map(([name, to]) =>
    typeof to === 'string' ? { name, to, waits: false } : { name, to: to.waitsFor, waits: true },
  ),
  credit: 'runtime',
});

/** `sessions('kata-runtime')`: spans `create`, `start`, `kill` ... */
export const sessions = (service: string): Sessions<never> => ({ kind: 'sessions', service, from: [], to: [], nearBegin: [], nearEnd: [], lostAt: [], credit: 'runtime' });

/** `requests('kata-shim', ['create begun', 'kill begun'], ['create ended', 'kill ended'], { nearEnd: ['started'] })`: sessions that say when they begin and end. */
export const requests = <const M extends string>(
  service: string,
  from: readonly M[],
  to: readonly M[],
  options: { readonly nearBegin?: readonly M[]; readonly nearEnd?: readonly M[]; readonly lostAt?: readonly M[]; readonly credit?: Credit } = {},
): Sessions<M> => ({
  kind: 'sessions',
  service,
  from,
  to,
  nearBegin: options.nearBegin ?? [],
  nearEnd: options.nearEnd ?? [],
  lostAt: options.lostAt ?? [],
  credit: options.credit ?? 'runtime',
});

export const gaps = (service: string): Gaps => ({ kind: 'gaps', service });

interface PairsOptions<M extends string> {
  readonly elsewhere?: readonly M[];
  readonly credit?: Credit;
  readonly waits?: boolean;
  readonly peer?: string;
  readonly alone?: boolean;
  readonly upToNext?: boolean;
  readonly request?: string;
}

/** `pairs('qmp: {verb}', 'hypervisor', 'qmp asked', 'qmp answered')`. */
export const pairs = <const M extends string>(
  name: string,
  service: string,
  from: M,
  to: M | readonly M[],
  options: PairsOptions<M> = {},
): Pairs<M> => ({
  kind: 'pairs',
  service,
  name,
  from,
  to: list(to),
  elsewhere: options.elsewhere ?? [],
  credit: options.credit ?? 'runtime',
  waits: options.waits ?? false,
  alone: options.alone ?? false,
  upToNext: options.upToNext ?? false,
  ...(options.peer !== undefined && { peer: options.peer }),
  ...(options.request !== undefined && { request: options.request }),
});

/** `stages('kata-runtime', { 'vm: resume': 'vm resumes', ... }, ['vm assigned'])`. */
export const stages = <const M extends string>(
  service: string,
  chain: Readonly<Record<string, M>>,
  until: readonly M[],
  credit: Credit = 'runtime',
): Stages<M> => ({ kind: 'stages', service, stages: Object.entries(chain).map(([name, from]) => ({ name, from })), until, credit });

export const rpc = <const M extends string>(like: string, took: string, client: Rpc<M>['client'], server: Rpc<M>['server']): Rpc<M> => ({
  kind: 'rpc',
  like,
  took,
  client,
  server,
});

export const boot = <const M extends string>(name: string, service: string, kernel: M, to: M | readonly M[]): Boot<M> => ({
  kind: 'boot',
  service,
  name,
  kernel,
  to: list(to),
});
