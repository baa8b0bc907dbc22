/** The daemon's Unix socket: finished starts for those who may not read the state folder. Whoever connects is a stranger. */
import { chmodSync, chownSync, lstatSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { Brief } from '../model/brief.ts';
import type { Log } from '../model/delivery.ts';
import type { FinishedStart } from '../model/finished.ts';
import type { Trace } from '../model/trace.ts';
import { isSqlite, openForReading, whyOf } from './file.ts';
import { findingText, LONGEST_QUESTION, questionOf } from './protocol.ts';
import type { Question } from './protocol.ts';
import { StoreReader } from './reader.ts';
import { rowJson } from './row.ts';

export interface ServerOptions {
  readonly path: string;
  /** The store's file. */
  readonly store: string;
  /** Brings the file up to date. */
  readonly flush: () => void;
  readonly brief: (trace: Trace) => Brief;
  readonly log: Log;
  /** Where groups are listed. */
  readonly groups?: string;
}

/** Members may connect, where there is such a group. */
const GROUP = 'shimtrace';
const CONNECTIONS = 16;
/** Of these so many may stay to listen. */
const LISTENERS = 8;
/** A question must be there, and an answer be taken, within this. */
const DEADLINE_MS = 5_000;
/** Who listens and does not read is let go. */
const UNREAD = 256 * 1024;

export class StoreServer {
  readonly #options: ServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #listeners = new Set<Socket>();

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#meet(socket));
    this.#server.maxConnections = CONNECTIONS;
  }

  /** Resolves when it listens, or has said why it cannot: the daemon goes on either way. */
  listen(): Promise<void> {
    const { path, log } = this.#options;
    removeStale(path);
    return new Promise((resolve) => {
      this.#server.on('error', (error) => {
        log('warn', 'socket_unusable', { path, text: `Cannot listen on ${path}: ${whyOf(error)}. "shimtrace ls", "show" and "tail" then work only for users who may read the state folder.` });
        resolve();
      });
      this.#server.listen({ path }, () => {
        this.#admit();
        resolve();
      });
      this.#server.unref();
    });
  }

  /** For the daemon's user and the group. A new socket may be connected to by its owner only, so nobody slips in before. */
  #admit(): void {
    const { path, log, groups = '/etc/group' } = this.#options;
    try {
      const gid = groupId(groups);
      // The service has that group already, and may not give its files away.
      if (gid !== undefined && lstatSync(path).gid !== gid) chownSync(path, -1, gid);
    } catch (error) {
      log('info', 'socket_group', { path, text: `${path} stays with its own group: ${whyOf(error)}. Members of ${GROUP} cannot use it.` });
    }
    chmodSync(path, 0o660);
  }

  #meet(socket: Socket): void {
    let asked = '';
    this.#sockets.add(socket);
    const deadline = setTimeout(() => socket.destroy(), DEADLINE_MS);
    socket.once('close', () => {
      clearTimeout(deadline);
      this.#sockets.delete(socket);
      this.#listeners.delete(socket);
    });
    // Whoever leaves in the middle: nothing is wrong, and nobody is left to tell.
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      // One question each; more is not listened to, and too much is no question.
      asked += chunk;
      if (asked.length > LONGEST_QUESTION) return void socket.destroy();
      const end = asked.indexOf('\n');
      if (end < 0 || asked.length - chunk.length > end) return;
      const question = questionOf(Buffer.from(asked.slice(0, end), 'latin1').toString());
      if (question?.ask === 'tail' && this.#listeners.size < LISTENERS) clearTimeout(deadline);
      this.#answer(socket, question);
    });
  }

  #answer(socket: Socket, question: Question | undefined): void {
    if (question === undefined) return void socket.end(problem('This is no question that a daemon of this version answers.'));
    if (question.ask === 'tail' && this.#listeners.size >= LISTENERS) return void socket.end(problem(`${LISTENERS} others listen already.`));
    const text = this.#look(question);
    if (question.ask !== 'tail') return void socket.end(text);
    socket.write(text);
    this.#listeners.add(socket);
  }

  #look(question: Question): string {
    this.#options.flush();
    const opening = openForReading(this.#options.store);
    if (opening.kind !== 'open') return question.ask === 'tail' ? '' : problem('The daemon keeps no finished starts: see its log.');
    const reader = new StoreReader(opening.database);
    try {
      return answerOf(reader, question);
    } catch (error) {
      if (!isSqlite(error)) throw error;
      return problem(`The store cannot be read: ${whyOf(error)}.`);
    } finally {
      reader.close();
    }
  }

  /** Tells those who listen. */
  readonly see = ({ trace }: FinishedStart): void => {
    if (this.#listeners.size === 0) return;
    const line = `${rowJson(this.#options.brief(trace))}\n`;
    for (const socket of this.#listeners) {
      if (socket.writableLength > UNREAD) socket.destroy();
      else socket.write(line);
    }
  };

  /** Ends all connections. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

function answerOf(reader: StoreReader, question: Question): string {
  switch (question.ask) {
    case 'ls':
      return `${[...reader.list(question.filter, question.most).map(rowJson), JSON.stringify({ end: true })].join('\n')}\n`;
    case 'show':
      return `${findingText(reader.find(question.id))}\n`;
    case 'tail':
      return reader.last(question.last).map((row) => `${rowJson(row)}\n`).join('');
    default:
      return question satisfies never;
  }
}

const problem = (text: string): string => `${JSON.stringify({ problem: text })}\n`;

/** What a daemon that was killed left behind. Whoever calls holds the state folder; only a socket is removed. */
function removeStale(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path, { force: true });
}

function groupId(file: string): number | undefined {
  const [, id] = new RegExp(`^${GROUP}:[^:]*:(\\d+):`, 'm').exec(readFileSync(file, 'utf8')) ?? [];
  return id === undefined ? undefined : Number(id);
}
