import type { SourceKey } from '../model/source.ts';
import { sourceKey } from '../model/source.ts';
import type { FileId, Fingerprint, Guard, Head } from './identity.ts';

/** What the state file keeps of one content of a file. */
export interface FileRecord extends Fingerprint {
  readonly key: SourceKey;
  readonly id: FileId;
  /** Where reading goes on after a restart: the oldest line that something not yet acknowledged came from, else the first unread one. */
  readonly offset: number;
  /** The path under which the file was followed; a rotated file may lie elsewhere by now. */
  readonly path: string;
  /** Size in bytes and time of last change (ns since the epoch) when it was last seen. */
  readonly size: number;
  readonly mtime: bigint;
  /** Place in its chain of rotated files. */
  readonly rank: number;
  /** No line will come any more; it is kept for its offset or as the newest of its chain. */
  readonly ended: boolean;
  /** When its file was first known to have left the followed path (ns since the epoch): the grace goes on over restarts. */
  readonly left?: bigint;
  /** The link by which it was followed; `path` is where it pointed to. */
  readonly via?: string;
  /** When the youngest file was born that a content before it in its chain lay in (ns since the epoch). */
  readonly born?: bigint;
  /** Lines older than this are not asked for (ns since the epoch). */
  readonly notBefore?: bigint;
  /** Bytes of it were lost: what comes next in its chain may begin inside a start. */
  readonly lost?: true;
}

/** Nothing is left to read of it, now or ever: it only tells what came later in its chain. */
export const isSpent = ({ ended, offset, size }: FileRecord): boolean => ended && offset >= size;

/** The record as JSON values: exact integers beyond 2^53 as strings. */
export function toJson(record: FileRecord): Record<string, unknown> {
  const { id, left, born, notBefore, ...rest } = record;
  return {
    ...rest, ...id, mtime: String(record.mtime),
    ...(left === undefined ? {} : { left: String(left) }), ...(born === undefined ? {} : { born: String(born) }),
    ...(notBefore === undefined ? {} : { notBefore: String(notBefore) }),
  };
}

/** A record from parsed JSON; undefined if it is none. */
export function fromJson(value: unknown): FileRecord | undefined {
  const object = fields(value);
  const head = headOf(object?.['head']);
  const guard = guardOf(object?.['guard']);
  if (object === undefined || head === undefined || guard === undefined) return undefined;
  const { key, dev, ino, birth, path, mtime, offset, size, rank, ended, left, via, born, notBefore, lost } = object;
  if (typeof key !== 'string' || !isDigits(dev) || !isDigits(ino) || !isInteger(birth)) return undefined;
  if (typeof path !== 'string' || !isInteger(mtime) || !isCount(offset) || !isCount(size)) return undefined;
  if (typeof rank !== 'number' || typeof ended !== 'boolean') return undefined;
  const since = isInteger(left) ? { left: BigInt(left) } : {};
  const young = isInteger(born) ? { born: BigInt(born) } : {};
  const asked = isInteger(notBefore) ? { notBefore: BigInt(notBefore) } : {};
  const link = typeof via === 'string' ? { via } : {};
  return { key: sourceKey(key), id: { dev, ino, birth }, head, guard, offset, path, size, mtime: BigInt(mtime), rank, ended, ...since, ...link, ...young, ...asked, ...(lost === true && { lost }) };
}

/** The fields of a JSON object; undefined for anything else. */
export function fields(value: unknown): Record<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.fromEntries(Object.entries(value));
}

function headOf(value: unknown): Head | undefined {
  const object = fields(value);
  const length = object?.['length'];
  const hash = object?.['hash'];
  return isCount(length) && typeof hash === 'string' ? { length, hash } : undefined;
}

function guardOf(value: unknown): Guard | undefined {
  const head = headOf(value);
  const at = fields(value)?.['at'];
  return head !== undefined && isCount(at) && at >= head.length ? { at, ...head } : undefined;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && typeof value === 'number' && value >= 0;
const isDigits = (value: unknown): value is string => typeof value === 'string' && /^\d+$/.test(value);
const isInteger = (value: unknown): value is string => typeof value === 'string' && /^-?\d+$/.test(value);
