import process from 'node:process';
import { briefLine } from '../engine/render/line.ts';
import type { Brief } from '../model/brief.ts';
import { askTail } from '../store/client.ts';
import { rowJson } from '../store/row.ts';
import { EXIT, Stop } from './exit.ts';
import type { ExitCode } from './exit.ts';
import { anyDaemon, lookingConfig } from './starts.ts';
import { stateFolder } from './statefolder.ts';
import { paperFor } from './terminal.ts';

export interface TailFlags {
  readonly config?: string;
  readonly format: 'text' | 'json';
  readonly n: number;
  readonly runtime?: string;
  readonly container?: string;
  readonly stateDir?: string;
}

/** `shimtrace tail`: a line for each start as it finishes, until interrupted (130) or until the daemon ends (69). Only a daemon tells them. */
export async function tail(flags: TailFlags): Promise<ExitCode> {
  const folder = stateFolder(await lookingConfig({ config: flags.config, stateDir: flags.stateDir }), process.env);
  const { ascii } = paperFor(process.stdout, process.env);
  const wanted = ({ runtime, container }: Brief): boolean =>
    (flags.runtime === undefined || runtime === flags.runtime) && (flags.container === undefined || container.startsWith(flags.container));
  process.once('SIGINT', () => process.exit(EXIT.interrupted));
  await anyDaemon(folder, async (path) => {
    for await (const start of askTail(path, flags.n)) {
      if (wanted(start)) process.stdout.write(`${flags.format === 'json' ? rowJson(start) : briefLine(start, ascii)}\n`);
    }
  });
  throw new Stop(EXIT.unavailable, 'The daemon has ended.');
}
