import { closeSync } from 'node:fs';
import type { Intake } from '../model/source.ts';
import type { Content } from './content.ts';
import type { Contents } from './contents.ts';
import { drain } from './drain.ts';
import type { Drained } from './drain.ts';
import type { Fingerprint } from './identity.ts';
import type { Log } from './report.ts';
import type { Found } from './siblings.ts';

/** A content that is read out of a compressed copy. */
export interface Draining {
  readonly content: Content;
  readonly path: string;
}

export interface DrainsSettings {
  readonly intake: Intake;
  readonly log: Log;
  readonly contents: Contents;
  /** Waits while reading is paused. False: stop. */
  readonly ready: () => Promise<boolean>;
  readonly onRead: () => void;
}

/** Reads contents out of compressed copies, and ends them. */
export class Drains {
  readonly active = new Set<Draining>();
  readonly #settings: DrainsSettings;

  constructor(settings: DrainsSettings) {
    this.#settings = settings;
  }

  /** Reads the rest of the content out of the first of these files that holds it. Owns the files. */
  async run(content: Content, found: readonly Found[], print: Fingerprint | undefined): Promise<void> {
    const { intake, ready, onRead, log, contents } = this.#settings;
    content.seal(print);
    let outcome: Drained = { kind: 'other' };
    for (const { path, file } of found) {
      if (outcome.kind !== 'other') {
        closeSync(file.fd);
        continue;
      }
      const entry = { content, path };
      this.active.add(entry);
      intake.behind(content.source);
      outcome = await drain({ path, file, content, intake, print, ready, onRead });
      this.active.delete(entry);
      log('debug', 'compressed_read', { path, outcome: outcome.kind, offset: content.lineStart });
      if (outcome.kind === 'damaged') log('error', 'source_problem', { ...outcome.problem });
    }
    if (outcome.kind === 'stopped') return;
    // How much is missing of a damaged file is not known: at least one byte.
    const end = Math.max(content.size, content.lineStart + 1);
    if (outcome.kind !== 'done') contents.lose('lost_while_down', content.path, content.lineStart, end);
    contents.end(content);
    onRead();
  }
}
