/** A kill at any step of a save of the state loses nothing; what was not noted as taken is sent again, the same to the byte, and nothing else is. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Scene } from './scene.ts';

/** The steps of a save (src/sources/state.ts), in order; each is hit in the first save, of a new file, and in one after an acknowledgement. */
const STEPS = [
  ['before the new state is begun', 'openSync:1'], ['in the middle of writing it', 'writeSync:1'], ['before it is on disk', 'fsyncSync:1'],
  ['before the previous one goes', 'rmSync:2'], ['before the current one gets a second name', 'linkSync:1'], ['before the new one takes its place', 'renameSync:1'],
  ['before the folder is on disk', 'fsyncSync:2'], ['before it is noted what is about to be sent', 'appendFileSync:1'],
  ['after an acknowledgement, before that is noted', 'appendFileSync:2'],
  ['after an acknowledgement, before the new state is begun', 'openSync:3'], ['after an acknowledgement, in the middle of writing', 'writeSync:2'],
  ['after an acknowledgement, before it is on disk', 'fsyncSync:3'], ['after an acknowledgement, before the previous one goes', 'rmSync:4'],
  ['after an acknowledgement, between the two names', 'linkSync:2'], ['after an acknowledgement, before it takes its place', 'renameSync:2'],
  ['after an acknowledgement, before the folder is on disk', 'fsyncSync:4'], ['when the state holds what was noted, before that is forgotten', 'truncateSync:1'],
] as const;

const PRELOAD = `--import ${join(import.meta.dirname, 'dieat.mjs')}`;

describe('F2, F3: killed by SIGKILL while the state is saved', () => {
  test.each(STEPS)('%s', async (when, at) => {
    await using scene = await Scene.open();
    scene.folder.write('timestamps.log', '');
    scene.write(0);
    const dying = scene.daemon({ NODE_OPTIONS: PRELOAD, DIE_AT: at, DIE_IN: scene.state });
    expect(await dying.ended(20_000), dying.said).toEqual({ code: null, signal: 'SIGKILL' });
    if (when.startsWith('after')) expect(scene.receiver.requests.length).toBeGreaterThan(0);
    const heir = scene.daemon();
    await scene.deliver(1, heir);
    await scene.deliver(2, heir);
    await scene.stop(heir);
    expect(scene.containers).toEqual(new Set(['box-0', 'box-1', 'box-2']));
    expect(scene.doubles).toEqual([]);
    const times = (index: number): number => scene.sent.filter((name) => name === `box-${index}`).length;
    expect([times(1), times(2)]).toEqual([1, 1]);
    if (when.startsWith('after')) expect(times(0)).toBe(when.endsWith('before that is noted') ? 2 : 1);
    expect(heir.said).not.toMatch(/state_(damaged|lost)/);
    // A third finds nothing left to send.
    const requests = scene.receiver.requests.length;
    const last = scene.daemon();
    await last.ready();
    await scene.stop(last);
    expect(scene.receiver.requests).toHaveLength(requests);
  });
});
