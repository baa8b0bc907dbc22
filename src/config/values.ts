import type { Threshold } from '../model/alert.ts';
import type { Duration } from '../model/time.ts';
import type { Attributes } from '../model/trace.ts';
import { formatDuration, formatSize, formatThreshold } from './units.ts';
import type { Bytes } from './units.ts';

/** What a setting can hold. Text stands for names, paths, URLs and choices alike: their form was checked when they were read. */
export type Value =
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'duration'; readonly value: Duration }
  | { readonly kind: 'size'; readonly value: Bytes }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'threshold'; readonly value: Threshold }
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'texts'; readonly value: readonly string[] }
  | { readonly kind: 'headers'; readonly value: readonly Header[] }
  | { readonly kind: 'attributes'; readonly value: Attributes }
  | { readonly kind: 'list'; readonly value: readonly Values[] };

export type Header = readonly [name: string, value: string];

/** Settings by path within their record (`otlp.timeout`). */
export type Values = ReadonlyMap<string, Value>;

/** Where a value comes from; in rising order of precedence. Lines and columns count from 1. */
export type Origin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly file: string; readonly line: number; readonly column: number }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'flag'; readonly name: string };

/** A value as one would write it, on one line. Values of headers are secrets and never shown. */
export function valueText(value: Value): string {
  switch (value.kind) {
    case 'text':
      return value.value;
    case 'duration':
      return formatDuration(value.value);
    case 'size':
      return formatSize(value.value);
    case 'threshold':
      return formatThreshold(value.value);
    case 'boolean':
    case 'integer':
      return String(value.value);
    case 'texts':
      return value.value.length === 1 ? (value.value[0] ?? '') : `[${value.value.join(', ')}]`;
    case 'headers':
      return `{${value.value.map(([name]) => `${name}: ***`).join(', ')}}`;
    case 'attributes':
      return `{${value.value.map(([name, each]) => `${name}: ${String(each)}`).join(', ')}}`;
    case 'list':
      return `[${value.value.map((item) => `{${[...item].map(([name, each]) => `${name}: ${valueText(each)}`).join(', ')}}`).join(', ')}]`;
    default:
      return value satisfies never;
  }
}

export function originText(origin: Origin): string {
  switch (origin.kind) {
    case 'default':
      return 'default';
    case 'file':
      return `${origin.file}:${origin.line}:${origin.column}`;
    case 'environment':
    case 'flag':
      return origin.name;
    default:
      return origin satisfies never;
  }
}
