import type { Syntax } from './entry.ts';
import type { Duration } from './time.ts';
import type { FindingRule } from './findings.ts';
import type { Layer } from './layer.ts';
import type { SpanRule } from './spans.ts';
import type { Certainty } from './trace.ts';

/** A condition on a field that must not be there. */
export const absent = { absent: true } as const;

/**
 * Conditions on a line's fields; all must hold. A text means: exactly this value. `{hole}` in it stands for any text, which is
 * kept under that name (`'grpc.{verb}Request'`); a hole of lower-case letters only, so that JSON in a log is no hole.
 */
export type When = Readonly<Record<string, string | typeof absent>>;

/** What a line tells about whom it belongs to, as templates over its fields: `'{container}'`, `'pid {pid}'`. */
export interface Names {
  readonly container?: string;
  readonly sandbox?: string;
  /** Stands for a container for a while: a process. Several: the first whose fields are all there. */
  readonly handle?: string | readonly string[];
  /** Another handle of the same episode: the exec of which its shim will speak. */
  readonly also?: string;
  /** The handle of its answer, which names nobody else: the same use, and begun with it. */
  readonly answer?: string;
  /** Another name of the sandbox, from this line on and before it (a VM that was made before its sandbox). */
  readonly alias?: string;
  /** What the handle does, where no field of the line tells: the request that a line is part of. */
  readonly command?: string;
  /** The name by which a request goes that failed, or was never answered, before its container had one. */
  readonly otherwise?: string;
}

/** One mark: a named moment, and how each version of the log spells it. */
export interface MarkRule {
  /** Per scheme, one or several spellings; a scheme that is not named does not write this mark. */
  readonly scheme: Readonly<Record<string, When | readonly When[]>>;
  /** The mark bounds nothing, by design, for this reason. It never opens, extends or ends an episode. */
  readonly loose?: string;
  /** Bounds nothing itself, but tells this: a version, a name, what a span needs beside its ends. Not listed where no span uses it. */
  readonly tells?: string;
  /** What this line names otherwise than its source does. */
  readonly names?: Names;
  /** A new use of the handle begins here: a pid that comes again is another process. */
  readonly renews?: boolean;
  /**
   * The handle is the text of a request that names nobody yet, and may come again. `asks`: a request begins. `names`: tells the container of the
   * first that has none. `ends`: answers the newest, since a second request of a text is refused while the first goes on. `for nobody`: a
   * request whose container is never told, of which several may go on side by side; it belongs to the start under way where exactly one is, and
   * is counted elsewhere, and an answer is the oldest's. Which request a line is about is decided in the order of the log.
   */
  readonly turn?: 'asks' | 'names' | 'ends' | 'asks for nobody' | 'ends for nobody';
}

/** Where the lines come from and how they are written. */
export interface SourceRule<M extends string = string> {
  /** File patterns followed without any configuration. */
  readonly files: readonly string[];
  /** How the path of a file of these lines may end, wherever a user has them written: `{container}` is a part of one name, and the field `path.container` of each line. */
  readonly paths?: readonly string[];
  /** A setting of the runtime's own that says where it writes: `key` in `[table]` of a TOML file, if that file is there. */
  readonly configured?: { readonly file: string; readonly table: string; readonly key: string };
  /** Syslog identifiers of the writers: what a journal or a syslog file is asked for. */
  readonly identifiers?: readonly string[];
  /** Identifiers of programs that pass these lines on beside their own: asked for too, but their own lines are another program's. */
  readonly carriers?: readonly string[];
  /** Programs that these writers start write under their name too: a line that is not written this way is another program's. */
  readonly shared?: true;
  /** How lines are written here; several where the writer has several forms. */
  readonly syntax: Syntax | readonly Syntax[];
  /** One of these holds on every line of this source. */
  readonly when?: readonly When[];
  readonly names: Names;
  /** Field that tells what the process does (`create`, `kill`): lines of one process are one command. */
  readonly command?: string;
  /** Marks by the component that writes them, IN THE ORDER in which that process writes them. */
  readonly marks: Readonly<Record<string, Readonly<Partial<Record<M, MarkRule>>>>>;
  /** Lines known and of no use, by name. */
  readonly ignored: Readonly<Record<string, When | readonly When[]>>;
  /** Lines that print what is nobody's business (environments, policies): counted by name and kept nowhere, whatever else claims them. */
  readonly secret?: Readonly<Record<string, When | readonly When[]>>;
  /** Fields that a line of this runtime always has: tells an unknown line of a known writer from a foreign one. */
  readonly fields: readonly string[];
  /** Fields that spell the mark; their values become `shimtrace.from` and `shimtrace.to` of a span. */
  readonly spelling: readonly string[];
}

/** A stretch of a life with something to measure. */
export interface EpisodeRule<M extends string = string> {
  readonly root: { readonly service: string; readonly name: string; readonly certainty?: Certainty };
  /** The root's name where it began with one of these marks: what its user asked for is then another thing. */
  readonly names?: Readonly<Partial<Record<M, string>>>;
  /** An opener at another time is a new episode. */
  readonly opens: readonly M[];
  /** Open an episode where none of the container is under way: the first line that is written where the log level hides the opener. */
  readonly standIns?: readonly M[];
  /** The same for a container in a sandbox that has begun before; the sandbox's own is not opened by it. */
  readonly memberStandIns?: readonly M[];
  /** Commands whose processes open an episode also where the opener itself was lost: its beginning is then missing, and said to be. */
  readonly commands?: readonly string[];
  /** Commands whose processes go on with a start that had been created and rested. */
  readonly continues?: readonly string[];
  /** An opener of the same container goes on with the episode under way: kill, then delete, are one stop. */
  readonly joins?: boolean;
  /** Containers of one sandbox that start while its own start is under way are in its trace, under this name. */
  readonly pod?: string;
  /** The episode is complete when all of these were seen. None: it is over when it has been quiet for `settle`. */
  readonly until: readonly M[];
  /** A mark that ends it as failed, and the hole with the reason, or the reason in words where the line tells none. */
  readonly fails?: Readonly<Partial<Record<M, string>>>;
  /** The same of a mark that counts after its end, too: what had gone well as far as was told then had not. */
  readonly fatal?: Readonly<Partial<Record<M, string>>>;
  /**
   * Requests and their answers: an episode in which one stays open is incomplete. With a patience of its own a request keeps its episode
   * open for so long; of a start all that is asked for no container in particular belongs to what it waits for.
   */
  readonly answers?: readonly (readonly [request: M, answer: M | readonly M[], patience?: Duration])[];
  /** Marks that say why it failed better than the mark that failed it, and the hole or field with the reason. They fail nothing. */
  readonly because?: Readonly<Partial<Record<M, string>>>;
  /**
   * An episode that shows exactly these marks (`some`: perhaps not all of them) is none: counted under the name. Where another runtime
   * tells of the same start, it is part of that, and a start of the runtime named here.
   */
  readonly nothing?: { readonly exactly: readonly M[]; readonly some?: true; readonly name: string; readonly runtime?: string };
  /** An episode that shows this mark and does not reach its end is something else that is written alike: counted under the name. */
  readonly another?: { readonly shows: M; readonly name: string };
  /**
   * A start that ended well has failed after all when this mark comes for its container soon after (setting `exit_within`): its task has exited,
   * with the code in the hole (`error.type` `exit_1`). The mark itself opens an episode of another kind, and stays in it.
   */
  readonly undone?: { readonly by: M; readonly hole: string };
  /**
   * An episode rests when component `after` has written all its marks and component `before` none, or when mark `seen` was
   * seen and `unseen` was not: outcome `created`. A later mark of `before` then opens an episode of its own, linked to this one.
   */
  readonly rests?: { readonly after: string; readonly before: string } | { readonly seen: M; readonly unseen: M };
  /** Happens before, across processes: refutes versions in which it would not hold. */
  readonly causes?: readonly (readonly [cause: M, effect: M])[];
  /** Beyond the defaults of design.md 3. */
  readonly patience?: Duration;
  readonly settle?: Duration;
  /** Events of one episode at most. */
  readonly most?: number;
}

/** What a runtime writes and what it means. Data only: one file in runtimes/ each. */
export interface Runtime<M extends string = string> {
  readonly name: string;
  /**
   * It tells what goes on around a runtime and is none itself: a start of which nothing else tells is named after the hole `runtime` of
   * its lines, and time that none of its spans gives to somebody else belongs to the layer of their component.
   */
  readonly around?: true;
  /** Its components and their layers. The root's service and `caller` need no entry. */
  readonly services: Readonly<Record<string, Layer>>;
  /** Versions of the log, oldest first. */
  readonly schemes: readonly string[];
  readonly sources: readonly SourceRule<M>[];
  readonly episodes: Episodes<M>;
  /** `every`: in episodes of every kind. */
  readonly spans: { readonly [episode in EpisodeName | 'every']?: readonly SpanRule<M>[] };
  readonly clock?: ClockRule<M>;
  /** What lines tell of a container beside moments, by the attribute that it becomes. */
  readonly attributes?: Readonly<Record<string, AttributeRule>>;
  readonly findings?: readonly FindingRule<M>[];
  readonly measures?: readonly MeasureRule<M>[];
  readonly versions?: readonly VersionRule<M>[];
}

/** A mark that only some versions write, or write so: `hole` of it is there, is empty, or is no part of it. */
export interface VersionRule<M extends string = string> {
  readonly mark: M;
  readonly hole?: string;
  readonly is?: 'told' | 'empty' | 'absent';
  /** Written by this version and later ones. */
  readonly since?: string;
  /** Written by versions before this one. */
  readonly before?: string;
}

/** The hole that holds it. `whole`: of the pod, so of the root alone. `number`: a whole number; anything else is left out. */
export interface AttributeRule {
  readonly hole: string;
  readonly whole?: true;
  readonly number?: true;
}

export const EPISODES = ['start', 'stop', 'exec'] as const;
export type EpisodeName = (typeof EPISODES)[number];

export type Episodes<M extends string = string> = { readonly start: EpisodeRule<M> } & { readonly [name in Exclude<EpisodeName, 'start'>]?: EpisodeRule<M> };

/**
 * A figure of a whole episode, an attribute of its root in ns: from the first of `from` that was seen to the first of `to`, the length of
 * a span, or what is left of one figure without another. What was not seen gives none.
 */
export type MeasureRule<M extends string = string> = { readonly in: EpisodeName; readonly name: string } & (
  | { readonly kind: 'between'; readonly from: readonly M[]; readonly to: readonly M[] }
  | { readonly kind: 'span'; readonly span: string }
  | { readonly kind: 'less'; readonly of: string; readonly less: string }
);

/** What is known of the guest's clock beside the lines that carry both times. */
export interface ClockRule<M extends string = string> {
  /** Something on the host that comes before something in the guest: the guest's clock cannot be further behind than that. */
  readonly after: readonly (readonly [host: M, guest: M])[];
  /** The host's lines may be stamped so much after what they tell (a thread of its own writes them down). */
  readonly late?: Duration;
  /** The guest's clock is set here: what it says before and after has nothing to do with each other. */
  readonly sets?: { readonly mark: M; readonly hole: string; readonly value: string };
}
