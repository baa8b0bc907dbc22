import process from 'node:process';
import pino from 'pino';
import { printable } from '../engine/render/safe.ts';
import { tame } from '../model/json.ts';

export type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error';

/** `event` names what happened; `fields.text`, where there is one, says it to people. */
export type Logger = (level: Level, event: string, fields?: Readonly<Record<string, unknown>>) => void;

const SHOWN: Readonly<Record<number, string>> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'WARN', 50: 'ERROR' };

export interface OwnLog {
  readonly log: Logger;
  /** From now on this and what is more important. */
  setLevel(level: Level): void;
}

/** The daemon's own log on standard error: JSON for machines, one readable line each on a terminal. */
export function createLogger(level: Level, format: 'auto' | 'json' | 'text'): OwnLog {
  const text = format === 'text' || (format === 'auto' && process.stderr.isTTY);
  const stderr = pino.destination({ dest: 2, sync: true });
  const options = { level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime };
  const logger = text ? pino(options, { write: (line: string) => stderr.write(readable(line)) }) : pino(options, { write: (line: string) => stderr.write(tame(line)) });
  return {
    log: (at, event, fields = {}) => {
      if (logger.isLevelEnabled(at)) logger[at]({ event, ...fields });
    },
    setLevel: (now) => void (logger.level = now),
  };
}

/** `23:14:05 WARN  the text, or event key=value ...` from pino's JSON line. */
function readable(line: string): string {
  const parsed: unknown = JSON.parse(line);
  if (typeof parsed !== 'object' || parsed === null) return line;
  const fields = new Map<string, unknown>(Object.entries(parsed));
  const time = String(fields.get('time') ?? '').slice(11, 19);
  const level = SHOWN[Number(fields.get('level'))] ?? '';
  const text = fields.get('text');
  for (const known of ['time', 'level', 'pid', 'text']) fields.delete(known);
  const event = String(fields.get('event') ?? '');
  fields.delete('event');
  const rest = [...fields].map(([name, value]) => `${name}=${printable(typeof value === 'string' ? value : JSON.stringify(value), 200)}`);
  const said = typeof text === 'string' ? printable(text, 600) : [event, ...rest].join(' ');
  return `${time} ${level.padEnd(5)} ${said}\n`;
}
