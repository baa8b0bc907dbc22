/** A kill at any step of a save of the state loses nothing; what is sent again is the same to the byte. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Folder } from '../support/files.ts';
import { spansOf } from '../support/otlp.ts';
import { Random } from '../support/random.ts';
import { Receiver } from '../support/receiver.ts';
import { start, text } from '../support/uruncwriter.ts';
import { Daemon, until } from './program.ts';

const AT = 1_795_216_000_000_000_000n;
const one = (index: number): string => text(start(new Random(index), { generation: 'D', id: `box-${index}`, at: AT + BigInt(index) * 1_000_000_000n }));

let folder: Folder;
let receiver: Receiver;
beforeEach(async () => {
  folder = new Folder();
  receiver = await Receiver.start();
});
afterEach(async () => {
  await receiver.stop();
  folder.dispose();
});

const args = (): string[] => ['--file', folder.at('timestamps.log'), '--state-dir', folder.at('state'), '--otlp', receiver.url, '--host-id', 'here'];
const sent = (): ReturnType<typeof spansOf> => receiver.requests.flatMap(({ bytes }) => spansOf(bytes));
const containers = (): Set<unknown> => new Set(sent().map((span) => span.attributes.find(([name]) => name === 'container.id')?.[1]));

/** Different contents under one span id: there must be none. */
function doubles(): string[] {
  const seen = new Map<string, string>();
  return sent().flatMap((span) => {
    const content = JSON.stringify(span, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    const known = seen.get(span.spanId) ?? content;
    seen.set(span.spanId, known);
    return known === content ? [] : [span.spanId];
  });
}

/** The steps of a save (src/sources/state.ts), in order; each is hit in the first save, of a new file, and in one after an acknowledgement. */
const STEPS = [
  ['before the new state is begun', 'openSync:1'], ['in the middle of writing it', 'writeSync:1'], ['before it is on disk', 'fsyncSync:1'],
  ['before the previous one goes', 'rmSync:2'], ['before the current one gets a second name', 'linkSync:1'], ['before the new one takes its place', 'renameSync:1'],
  ['before the folder is on disk', 'fsyncSync:2'],
  ['after an acknowledgement, before the new state is begun', 'openSync:3'], ['after an acknowledgement, in the middle of writing', 'writeSync:2'],
  ['after an acknowledgement, before it is on disk', 'fsyncSync:3'], ['after an acknowledgement, before the previous one goes', 'rmSync:4'],
  ['after an acknowledgement, between the two names', 'linkSync:2'], ['after an acknowledgement, before it takes its place', 'renameSync:2'],
  ['after an acknowledgement, before the folder is on disk', 'fsyncSync:4'],
] as const;

describe('F2, F3: killed by SIGKILL while the state is saved', () => {
  test.each(STEPS)('%s', async (when, at) => {
    folder.write('timestamps.log', one(0));
    const preload = `--import ${join(import.meta.dirname, 'dieat.mjs')}`;
    const dying = new Daemon(args(), { NODE_OPTIONS: preload, DIE_AT: at, DIE_IN: folder.at('state') });
    expect(await dying.ended(20_000), dying.said).toEqual({ code: null, signal: 'SIGKILL' });
    const before = receiver.requests.length;
    if (when.startsWith('after')) expect(before).toBeGreaterThan(0);
    folder.append('timestamps.log', one(1));
    const heir = new Daemon(args());
    await until(10_000, () => containers().has('box-1'), () => heir.said);
    folder.append('timestamps.log', one(2));
    await until(10_000, () => containers().has('box-2'), () => heir.said);
    heir.signal('SIGTERM');
    expect(await heir.ended(10_000)).toEqual({ code: 0, signal: null });
    expect(containers()).toEqual(new Set(['box-0', 'box-1', 'box-2']));
    expect(doubles()).toEqual([]);
    expect(heir.said).not.toMatch(/state_(damaged|lost)/);
    // A third finds nothing left to send.
    const requests = receiver.requests.length;
    const last = new Daemon(args());
    await last.ready();
    last.signal('SIGTERM');
    await last.ended(10_000);
    expect(receiver.requests).toHaveLength(requests);
  });
});
