/**
 * Ids that come out the same whenever the same lines are read (design.md 3): from what was logged, never from where the
 * file lies, when it was read, or who reads it.
 */
import { hash } from 'node:crypto';
import type { Nanos } from '../model/time.ts';

/** @returns 32 hex digits. `anchor` is the time of the mark that opens the episode. */
export const traceId = (hostId: string, runtime: string, container: string, anchor: Nanos): string =>
  hash('sha256', `shimtrace/1\0${hostId}\0${runtime}\0${container}\0${anchor}`, 'hex').slice(0, 32);

/** Of a start that was sent under `trace` and then came from other lines: from those. @returns as traceId. */
export const otherTraceId = (trace: string, { lines, sum }: { readonly lines: number; readonly sum: number }): string =>
  hash('sha256', `shimtrace/1\0${trace}\0${lines}\0${sum}`, 'hex').slice(0, 32);

/** @returns 16 hex digits. `ordinal` counts spans of the same service and name within a trace, from 0. */
export const spanId = (trace: string, service: string, name: string, ordinal: number): string =>
  hash('sha256', `${trace}\0${service}\0${name}\0${ordinal}`, 'hex').slice(0, 16);
