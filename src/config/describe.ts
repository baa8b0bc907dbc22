import type { Settings } from './config.ts';
import { SCHEMA } from './schema.ts';
import { originText, valueText } from './values.ts';

/**
 * The effective configuration for people, a line for each setting: path, value, where it comes from. Ends with a newline.
 * Values of headers are not shown.
 */
export function describe(settings: Settings): string {
  const rows = SCHEMA.map(({ path }) => {
    const setting = settings.get(path);
    const value = setting?.value === undefined ? '-' : oneLine(valueText(setting.value));
    return { path, value, from: setting === undefined ? 'default' : originText(setting.origin) };
  });
  const widest = (pick: (row: (typeof rows)[number]) => string): number => Math.min(60, Math.max(...rows.map((row) => pick(row).length)));
  const [paths, values] = [widest((row) => row.path), widest((row) => row.value)];
  return rows.map((row) => `${row.path.padEnd(paths)}  ${row.value.padEnd(values)}  ${oneLine(row.from)}\n`).join('');
}

const oneLine = (text: string): string => text.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
