/** What a runtime's traces may tell beyond their spans (reference/user-experience.md 3.4). Data: the engine knows how to look. */
import type { Duration } from './time.ts';

/**
 * A dialler that sleeps when its first attempt comes too early: `base`, then longer by `factor`, give or take `jitter`. The wait
 * of a span that has one of these lengths is such a sleep, and what is left of it once the peer was ready is lost.
 */
export interface BackoffRule<M extends string = string> {
  readonly kind: 'backoff';
  readonly id: string;
  readonly span: string;
  readonly base: Duration;
  readonly factor: number;
  readonly jitter: number;
  readonly attempts: number;
  /** Before this version of the writer; an unknown version may be one. */
  readonly before: string;
  /** Peers that never sleep so, by how their address (hole `url`) begins. */
  readonly not: readonly string[];
  /** The listener is up: best first, later ones stand in. */
  readonly listens: readonly M[];
  /** The guest answers, where it was seen to start (`starts`): one that ran before needs no waiting for. Best first. */
  readonly serves: readonly M[];
  readonly starts: readonly M[];
  readonly remedy: string;
}

/** Time between the processes of a start, which is its caller's. */
export interface CallerRule {
  readonly kind: 'caller';
  readonly id: string;
  /** Below this share of the wall it is not worth a word. */
  readonly share: number;
  readonly remedy: string;
}

/** The guest's clock is off by more than this. */
export interface SkewRule {
  readonly kind: 'skew';
  readonly id: string;
  readonly above: Duration;
  readonly remedy: string;
}

/** More than this share of the wall without a line, where no span explains the silence. */
export interface GapRule {
  readonly kind: 'gap';
  readonly id: string;
  readonly share: number;
  /** Spans that are silent by nature. */
  readonly explained: readonly string[];
  readonly remedy: string;
}

/** A span that takes longer than it should. */
export interface SlowRule<M extends string = string> {
  readonly kind: 'slow';
  readonly id: string;
  readonly span: string;
  readonly above: Duration;
  /** What it waits for was there from `from` on: what passes until it is asked for (`to`), else to the span's end, is lost, and more than `above` of that is found too. */
  readonly stall?: { readonly from: M; readonly to: M; readonly above: Duration };
  readonly remedy: string;
}

/** Lines that say that others are lost. */
export interface LostRule<M extends string = string> {
  readonly kind: 'lost';
  readonly id: string;
  readonly marks: readonly M[];
  /** What is lost. */
  readonly text: string;
  /** Where none of these is seen nothing was to be had, and nothing is lost. */
  readonly only?: readonly M[];
  readonly remedy: string;
}

/** Warnings that are part of every start and look like the fault of one that failed: named as normal there. */
export interface NormalRule<M extends string = string> {
  readonly kind: 'normal';
  readonly id: string;
  readonly marks: readonly M[];
  /** What they mean. */
  readonly text: string;
  readonly remedy: string;
}

/** Lines that hold one of these are those of a log level that costs time. */
export interface VerboseRule {
  readonly kind: 'verbose';
  readonly id: string;
  readonly level: string;
  readonly words: readonly string[];
  readonly remedy: string;
}

/** The log is not whole: a line that says so; also every start that failed or stopped on the way, with the line that tells why. */
export interface BrokenRule<M extends string = string> {
  readonly kind: 'broken';
  readonly id: string;
  readonly marks: readonly M[];
  readonly remedy: string;
}

/** `in`: the kinds of episode that are looked at; all where it is left out. */
export type FindingRule<M extends string = string> = (BackoffRule<M> | CallerRule | SkewRule | GapRule | SlowRule<M> | LostRule<M> | NormalRule<M> | VerboseRule | BrokenRule<M>) & {
  readonly in?: readonly ('start' | 'stop' | 'exec')[];
};
