import type { Ledger } from '../engine/ledger.ts';
import type { Verdicts } from '../engine/verdicts.ts';
import { printable } from '../engine/render/safe.ts';
import type { SourceId } from '../model/source.ts';
import type { Logger } from './logger.ts';
import { guess } from './tally.ts';

/** So many lines of which none says anything are no accident. */
const ENOUGH = 10;

/** Why lines are left out that no runtime has looked at. */
const LEFT_OUT_UNREAD: ReadonlySet<string> = new Set(['empty line', 'another program']);

/** Tells once per file that it is followed for nothing: a tracer that reads and understands nothing must not look healthy. */
export class SilenceWatch {
  readonly #ledger: Ledger;
  readonly #log: Logger;
  readonly #told = new Set<SourceId>();

  constructor(ledger: Ledger, log: Logger) {
    this.#ledger = ledger;
    this.#log = log;
  }

  look(): void {
    for (const { id, info, verdicts } of this.#ledger.readings()) {
      if (info.journal === true || isKnown(verdicts) || verdicts.lines < ENOUGH || this.#told.has(id)) continue;
      this.#told.add(id);
      const [example] = verdicts.examples;
      const shown = example === undefined ? '' : ` The first: ${printable(example, 120)}`;
      this.#log('warn', 'nothing_recognised', {
        path: info.name,
        lines: verdicts.lines,
        text: `${printable(info.name, 300)}: ${verdicts.lines} lines read and no runtime knows any of them.${shown} ${guess(verdicts.examples) ?? 'Is it the right file?'}`,
      });
    }
  }
}

/** Lines that were left out for what they say are understood, too: containerd tells of images for long before it starts anything. */
const isKnown = ({ events, ignored }: Verdicts): boolean => events > 0 || [...ignored.keys()].some((name) => !LEFT_OUT_UNREAD.has(name));
