/** What is said of followed files. */
import type { Register } from './register.ts';
import type { Problem } from './report.ts';
import type { Scout } from './scout.ts';

/** One followed file, for people. */
export interface FileStatus {
  readonly path: string;
  /** First byte that was not handed over. */
  readonly offset: number;
  /** Bytes, when last read. */
  readonly size: number;
  readonly atEnd: boolean;
  readonly rotated: boolean;
  readonly problem?: Problem;
}

/** Every file that is read, and every one that a pattern names but is not. */
export function statusOf(register: Register, scout: Scout): FileStatus[] {
  const files: FileStatus[] = [];
  for (const { content, path, problem, lastTold, place } of register.held.values()) {
    const at = { path, offset: content?.lineStart ?? 0, size: content?.size ?? 0 };
    const atEnd = content === undefined || lastTold === 'end' || lastTold === 'stirred';
    files.push({ ...at, atEnd, rotated: place.kind === 'left', ...(problem === undefined ? {} : { problem }) });
  }
  for (const { content, path, place, size } of register.parking.values()) {
    files.push({ path, offset: content?.lineStart ?? 0, size, atEnd: true, rotated: place.kind === 'left' });
  }
  for (const { content, path } of register.drains.active) {
    files.push({ path, offset: content.lineStart, size: content.size, atEnd: false, rotated: true });
  }
  for (const problem of scout.problems()) {
    files.push({ path: problem.where, offset: 0, size: 0, atEnd: false, rotated: false, problem });
  }
  return files;
}
