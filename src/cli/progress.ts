import type { Ledger } from '../engine/ledger.ts';
import { printable } from '../engine/render/safe.ts';
import type { Progress } from './read.ts';
import { startsText, tally } from './tally.ts';

/** Nothing is said of what is done within a second. */
const QUIET_MS = 1_000;
const TERMINAL_MS = 200;
const LOG_MS = 10_000;

interface Screen {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** How far a long reading is: one line that is redrawn on a terminal, a line every ten seconds elsewhere. */
export class ProgressLine {
  readonly #screen: Screen;
  readonly #ledger: Ledger;
  readonly #began = performance.now();
  #next: number;
  #drawn = false;

  constructor(screen: Screen, ledger: Ledger) {
    this.#screen = screen;
    this.#ledger = ledger;
    this.#next = this.#began + (screen.isTTY === true ? QUIET_MS : LOG_MS);
  }

  update({ name, bytes, total }: Progress): void {
    const now = performance.now();
    if (now < this.#next) return;
    const terminal = this.#screen.isTTY === true;
    this.#next = now + (terminal ? TERMINAL_MS : LOG_MS);
    const seconds = (now - this.#began) / 1000;
    const lines = tally(this.#ledger).lines;
    const share = total === undefined || total === 0 ? '' : ` ${Math.floor((100 * bytes) / total)} %`;
    const speed = `${Math.round(lines / seconds / 1000)} k lines/s`;
    const text = `${printable(name, 40)}${share}  ${lines.toLocaleString('en')} lines  ${speed}  ${startsText(this.#ledger)}`;
    this.#screen.write(terminal ? `\r\x1b[K${text}` : `${text}\n`);
    this.#drawn = terminal;
  }

  end(): void {
    if (this.#drawn) this.#screen.write('\r\x1b[K');
  }
}
