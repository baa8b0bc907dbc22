/** Asks the daemon over its socket. */
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import type { Brief } from '../model/brief.ts';
import { fieldsOf, questionText, textOf } from './protocol.ts';
import type { Question } from './protocol.ts';
import type { Finding } from './reader.ts';
import { rowFromJson, texts } from './row.ts';

/** The daemon answered, and said no; or something else answers there. */
export class Refusal extends Error {}

/**
 * Lines of the answer as they come. Throws `Refusal`, or what the connection fails with (`code` ENOENT, EACCES, ECONNREFUSED ...).
 * @param patience how long to wait for the next line, ms; undefined: for ever.
 */
async function* answers(path: string, question: Question, patience: number | undefined): AsyncGenerator<ReadonlyMap<string, unknown>> {
  const socket = createConnection({ path });
  if (patience !== undefined) socket.setTimeout(patience, () => socket.destroy(new Refusal(`The daemon at ${path} does not answer.`)));
  let failed: Error | undefined;
  socket.on('error', (error) => (failed = error));
  socket.write(`${questionText(question)}\n`);
  try {
    for await (const line of createInterface({ input: socket })) {
      const fields = fieldsOf(line);
      if (fields === undefined) throw new Refusal(`What answers at ${path} is no shimtrace.`);
      const problem = textOf(fields.get('problem'));
      if (problem !== undefined) throw new Refusal(problem);
      yield fields;
    }
    if (failed !== undefined) throw failed;
  } finally {
    socket.destroy();
  }
}

const PATIENCE_MS = 10_000;

/** Newest first. */
export async function askList(path: string, question: Question & { readonly ask: 'ls' }): Promise<Brief[]> {
  const rows: Brief[] = [];
  for await (const fields of answers(path, question, PATIENCE_MS)) {
    if (fields.get('end') === true) return rows;
    const row = rowFromJson(Object.fromEntries(fields));
    if (row !== undefined) rows.push(row);
  }
  throw new Refusal(`The daemon at ${path} left before it had said everything.`);
}

export async function askShow(path: string, id: string | undefined): Promise<Finding> {
  for await (const fields of answers(path, { ask: 'show', id }, PATIENCE_MS)) {
    const found = fields.get('found');
    if (typeof found === 'object' && found !== null && 'trace' in found && 'host' in found) {
      return { kind: 'found', kept: { trace: String(found.trace), host: String(found.host) } };
    }
    const names = fields.get('ambiguous');
    return names === undefined ? { kind: 'none' } : { kind: 'ambiguous', names: texts(names) };
  }
  throw new Refusal(`The daemon at ${path} left without an answer.`);
}

/** The last ones, then each start as it finishes; ends when the daemon does. */
export async function* askTail(path: string, last: number): AsyncGenerator<Brief> {
  for await (const fields of answers(path, { ask: 'tail', last }, undefined)) {
    const row = rowFromJson(Object.fromEntries(fields));
    if (row !== undefined) yield row;
  }
}
