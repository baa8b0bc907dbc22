import type { Paper } from '../engine/render/pen.ts';

/** The parts of a stream that say what may be drawn on it. */
interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

type Env = Readonly<Record<string, string | undefined>>;

const set = (value: string | undefined): boolean => value !== undefined && value !== '' && value !== '0';

/**
 * How to draw on `screen`. Colour: NO_COLOR over FORCE_COLOR and CLICOLOR_FORCE over being a terminal (no-color.org,
 * bixense.com/clicolors). Plain ASCII where the locale says that the terminal speaks no UTF-8. Width 80 and more.
 */
export function paperFor(screen: Screen, env: Env): Paper {
  const terminal = screen.isTTY === true;
  const forced = set(env['FORCE_COLOR']) || set(env['CLICOLOR_FORCE']);
  const refused = env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '';
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  const width = Number(env['COLUMNS']) || screen.columns || 100;
  return {
    width: Math.min(Math.max(Math.floor(width), 80), 240),
    color: !refused && (forced || (terminal && env['TERM'] !== 'dumb')),
    ascii: terminal && (env['TERM'] === 'dumb' || (locale !== '' && !/utf-?8/i.test(locale))),
  };
}
