/** Reads our Markdown as data, for tests that hold pages against the code. */
import { readFileSync } from 'node:fs';

/** Text of a file under src/: for facts that no value exports. */
export const sourceOf = (path: string): string => readFileSync(new URL(`../../src/${path}`, import.meta.url), 'utf8');

export const pageOf = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

const cells = (line: string): string[] => line.split('|').slice(1, -1).map((cell) => cell.trim());

/** Rows of all tables whose first heading is `heading`, without the heading; throws when there is no such table. */
export function cellsOf(page: string, heading: string): string[][] {
  const rows: string[][] = [];
  let inside = false;
  let found = false;
  for (const line of page.split('\n')) {
    if (!line.startsWith('|')) inside = false;
    else if (inside) {
      if (!/^\|[-|]+$/.test(line)) rows.push(cells(line));
    } else if (cells(line)[0] === heading) {
      inside = true;
      found = true;
    }
  }
  if (!found) throw new Error(`no table begins with "${heading}"`);
  return rows;
}

/** Contents of the fenced blocks of a language. */
export const blocksOf = (page: string, language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) => text);
