/**
 * The output of `ctr events` (containerd 1.x and 2.x, cmd/ctr/commands/events: time, namespace, topic and the event as JSON with blanks in between):
 *
 *     2026-11-20 14:22:15.012333936 +0000 UTC default /tasks/exit {"container_id":"2c48...","id":"2c48...","pid":18153,"exited_at":"..."}
 *
 * The time is Go's Time.String: nanoseconds with trailing zeros cut, a whole second without a fraction. Fields of the JSON go by their path
 * (`runtime.name`); containerd leaves out those that are zero. Beside them an entry knows
 *   topic, namespace   of the event;
 *   container          whose task it is about (Kata's runtime-rs says so as `id` when it deletes one);
 *   exec               whom it is about, where that is a process beside the container's own;
 *   code               the exit status of what has ended, 0 where it was left out;
 *   exited             when the kernel says that it ended, RFC 3339; not there where nobody knows (the year 1).
 */
import type { Entry, Refusal, Syntax } from '../model/entry.ts';
import { NANOSECOND, nanos } from '../model/time.ts';
import type { Nanos } from '../model/time.ts';
import { scanJson } from './json.ts';
import type { Fields } from './json.ts';
import { decode, nanosFromRfc3339, plausible } from './text.ts';

const OPEN = 0x7b;
const SPACE = 0x20;
/** Digits, blanks and signs of a time, a zone, a namespace and a topic: containerd allows 76 letters for a namespace. */
const LONGEST_HEAD = 512;
/** A path goes through so many objects at most. */
const DEEPEST = 4;

//             1: date     2: time of day                     3: zone          its name     4: namespace 5: topic
const HEAD = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,9})?) ([+-]\d{4}) [A-Z+-][\w+-]{0,9} ([^\s"{}]+) (\/[^\s"{}]+) $/;

class CtrEvent implements Entry {
  readonly time: Nanos;
  readonly step = NANOSECOND;
  readonly #namespace: string;
  readonly #topic: string;
  readonly #fields: Fields;
  readonly #text: string;

  constructor(time: Nanos, namespace: string, topic: string, fields: Fields, text: string) {
    this.time = time;
    this.#namespace = namespace;
    this.#topic = topic;
    this.#fields = fields;
    this.#text = text;
  }

  get(field: string): string | undefined {
    switch (field) {
      case 'topic':
        return this.#topic;
      case 'namespace':
        return this.#namespace;
      case 'container':
        return this.#container();
      case 'exec':
        return this.#exec();
      case 'code':
        return this.#topic === '/tasks/exit' || this.#topic === '/tasks/delete' ? (at(this.#fields, 'exit_status', DEEPEST) ?? '0') : undefined;
      case 'exited':
        return exitedOf(at(this.#fields, 'exited_at', DEEPEST));
      default:
        return at(this.#fields, field, DEEPEST);
    }
  }

  #container(): string | undefined {
    return at(this.#fields, 'container_id', DEEPEST) ?? (this.#topic.startsWith('/tasks/') ? at(this.#fields, 'id', DEEPEST) : undefined);
  }

  #exec(): string | undefined {
    const id = at(this.#fields, 'exec_id', DEEPEST) ?? (this.#topic === '/tasks/exit' ? at(this.#fields, 'id', DEEPEST) : undefined);
    return id === '' || id === this.#container() ? undefined : id;
  }

  line(): string {
    return this.#text;
  }
}

/** The value at the end of a path. Names may hold dots themselves (labels): the longest name that is there is meant. */
function at({ names, values, quoted }: Fields, path: string, depth: number): string | undefined {
  const whole = names.indexOf(path);
  if (whole >= 0) return values[whole];
  if (depth === 0) return undefined;
  for (let dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
    const index = names.indexOf(path.slice(0, dot));
    const inner = values[index];
    if (inner === undefined || quoted[index] === true || !inner.startsWith('{')) continue;
    const fields = scanJson(inner);
    return typeof fields === 'string' ? undefined : at(fields, path.slice(dot + 1), depth - 1);
  }
  return undefined;
}

/** Go's zero time stands for no time. */
function exitedOf(text: string | undefined): string | undefined {
  const time = text === undefined ? undefined : nanosFromRfc3339(text);
  return time === undefined || !plausible(time) ? undefined : text;
}

function read(bytes: Buffer, start: number, end: number): Entry | Refusal {
  const digit = (bytes[start] ?? 0) - 0x30;
  if (digit < 0 || digit > 9) return 'not-json';
  const brace = bytes.subarray(start, Math.min(end, start + LONGEST_HEAD)).indexOf(OPEN);
  if (brace <= 0 || bytes[start + brace - 1] !== SPACE) return 'not-json';
  const match = HEAD.exec(bytes.latin1Slice(start, start + brace));
  if (match === null) return 'not-json';
  const [, date = '', clock = '', zone = '', namespace = '', topic = ''] = match;
  const time = nanosFromRfc3339(`${date}T${clock}${zone.slice(0, 3)}:${zone.slice(3)}`);
  if (time === undefined) return 'time-not-readable';
  if (!plausible(time)) return 'time-out-of-range';
  const text = decode(bytes, start, end);
  if (text === undefined) return 'not-utf8';
  const fields = scanJson(text.slice(text.indexOf('{')));
  return typeof fields === 'string' ? fields : new CtrEvent(nanos(time), namespace, topic, fields, text);
}

export const ctrEvents: Syntax = { name: 'ctr-events', begins: ['20'], read };
