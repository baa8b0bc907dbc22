/** Lines that are not there while a start was under way: what its trace cannot show may be among them. */
import type { GapName } from '../../model/source.ts';
import type { Evidence } from '../../model/trace.ts';
import type { Event } from '../event.ts';
import type { Touching } from '../gaps.ts';
import { gapsOf } from '../gaps.ts';
import type { Episode } from '../part.ts';
import type { About } from './findings.ts';

/** Also a word on what such a finding is called, for the documentation. */
export const MISSING = 'lines-missing';

interface Words {
  /** Who lost them and why, after their number. */
  readonly what: string;
  readonly remedy: string;
}

const WORDS: Readonly<Record<GapName, Words>> = {
  rate_limited: { what: 'left out by journald, as too much was written', remedy: 'Raise RateLimitBurst= in journald.conf, or LogRateLimitBurst= of the unit.' },
  vacuumed: { what: 'gone from the journal before they could be read', remedy: 'Raise SystemMaxUse= in journald.conf.' },
  not_running: { what: 'lost while what tells them was not running', remedy: 'See in the log of shimtrace why it ended.' },
  no_room: { what: 'lost, as there was no room to keep them until the back-end takes traces', remedy: 'Raise limits.command_spool.' },
};

/** Each gap once, though parts of a start may have lines on both sides of it in one source. */
export const missing = (parts: readonly Episode[]): About[] => gapsOf(parts).map((one) => about(one, parts.find((part) => part.missing.includes(one))?.events ?? []));

function about({ gap, proof }: Touching, events: readonly Event[]): About {
  const { what, remedy } = WORDS[gap.name];
  const many = gap.missing === undefined ? 'lines' : gap.missing === 1 ? '1 line' : `${gap.missing} lines`;
  const whose = gap.unit === undefined ? '' : ` of ${gap.unit}`;
  const verb = gap.missing === 1 ? 'was' : 'were';
  return {
    span: undefined,
    finding: {
      id: MISSING,
      text: `${many}${whose} ${verb} ${what}; some may be of this trace`,
      confidence: 'likely',
      loss: undefined,
      share: undefined,
      evidence: proof === undefined ? aroundIt(gap.from, gap.to, events) : [proof],
      remedy,
    },
  };
}

/** The last line before the gap and the first after it. */
function aroundIt(from: bigint, to: bigint, events: readonly Event[]): Evidence[] {
  const before = events.findLast(({ time }) => time <= from);
  const after = events.find(({ time }) => time >= to);
  return [before, after].flatMap((event) => (event === undefined ? [] : [{ source: event.source, row: event.row, time: event.time, line: event.line }]));
}
