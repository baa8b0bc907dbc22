/** A state that is damaged, a folder that is full, read-only, gone or taken: nothing is lost, and it is said once and plainly. */
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { canMount, SmallDisk } from './namespace.ts';
import { until } from './program.ts';
import { saidTimes, Scene } from './scene.ts';

const EXIT_IO = 74;

/** One start delivered and acknowledged, and a second state behind the first. */
async function ran(scene: Scene): Promise<void> {
  scene.folder.write('timestamps.log', '');
  const daemon = scene.daemon();
  await scene.deliver(0, daemon);
  await scene.stop(daemon);
}

const CURRENT = 'state.json';
const PREVIOUS = 'state.prev.json';
const DAMAGES = [
  ['torn', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
  ['zeroed', (bytes: Buffer) => Buffer.alloc(bytes.length)],
  ['ended by NULs, as after a power loss', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, bytes.length - 30), Buffer.alloc(30)])],
  ['emptied', () => Buffer.alloc(0)],
  ['changed in one bit', (bytes: Buffer) => Buffer.from(bytes.map((byte, at) => (at === 40 ? byte ^ 1 : byte)))],
  ['replaced by something else', () => Buffer.from('\x7fELF and so on\n')],
] as const;

const signed = (body: unknown): string => {
  const text = JSON.stringify(body);
  return `${text}\nsha256:${hash('sha256', text)}\n`;
};

describe('F5: the state is', () => {
  test.each(DAMAGES)('%s: the previous one is used, and nothing is lost', async (_, damage) => {
    await using scene = await Scene.open();
    await ran(scene);
    const path = join(scene.state, CURRENT);
    writeFileSync(path, damage(readFileSync(path)));
    const daemon = scene.daemon();
    await scene.deliver(1, daemon);
    await scene.stop(daemon);
    expect([saidTimes(daemon, 'state_damaged'), saidTimes(daemon, 'state_previous_used'), saidTimes(daemon, 'state_lost')]).toEqual([1, 1, 0]);
    expect(scene.doubles).toEqual([]);
  });

  test.each(DAMAGES)('%s, and so is the previous one: all is read again, with the same ids', async (_, damage) => {
    await using scene = await Scene.open();
    await ran(scene);
    for (const name of [CURRENT, PREVIOUS]) writeFileSync(join(scene.state, name), damage(readFileSync(join(scene.state, name))));
    const requests = scene.receiver.requests.length;
    const daemon = scene.daemon();
    await scene.deliver(1, daemon);
    await scene.stop(daemon);
    expect(saidTimes(daemon, 'state_lost')).toBe(1);
    expect(scene.receiver.requests.length - requests).toBeGreaterThanOrEqual(1);
    expect([scene.containers, scene.doubles]).toEqual([new Set(['box-0', 'box-1']), []]);
  });

  test('U1: of a newer version: refused in a sentence, left as it is, and what it asks for works', async () => {
    await using scene = await Scene.open();
    await ran(scene);
    const newer = signed({ version: 3, generation: 9, everything: 'else' });
    writeFileSync(join(scene.state, CURRENT), newer);
    const daemon = scene.daemon();
    expect(await daemon.ended(10_000)).toMatchObject({ code: EXIT_IO });
    expect(daemon.said).toMatch(/state\.json: the state was written by a newer shimtrace \(it has format 3, this one knows 2\)\. Run the newer version, or give this one another folder with --state-dir/);
    expect(readFileSync(join(scene.state, CURRENT), 'utf8')).toBe(newer);
  });

  test('U1: of the version before: it goes on from there, and is written anew', async () => {
    await using scene = await Scene.open();
    await ran(scene);
    const [body = ''] = readFileSync(join(scene.state, CURRENT), 'utf8').split('\n');
    const old: unknown = JSON.parse(body, (key: string, value: unknown) => (key === 'kept' ? undefined : key === 'version' ? 1 : value));
    writeFileSync(join(scene.state, CURRENT), signed(old));
    const requests = scene.receiver.requests.length;
    const daemon = scene.daemon();
    await scene.deliver(1, daemon);
    await scene.stop(daemon);
    // Only the new start was sent: the old state was understood.
    expect(scene.receiver.requests.length - requests).toBe(1);
    expect(scene.doubles).toEqual([]);
    expect(readFileSync(join(scene.state, CURRENT), 'utf8')).toContain('"version":2');
  });

  test('U1: of a version that never was: it is nobody’s, the previous one is used', async () => {
    await using scene = await Scene.open();
    await ran(scene);
    writeFileSync(join(scene.state, CURRENT), signed({ version: 0, generation: 1, files: [] }));
    const daemon = scene.daemon();
    await scene.deliver(1, daemon);
    expect(saidTimes(daemon, 'state_previous_used')).toBe(1);
    expect(scene.doubles).toEqual([]);
  });

  test('made by somebody who knows the checksum, with a memory of the wrong form: what is wrong in it is left out', async () => {
    await using scene = await Scene.open();
    await ran(scene);
    const wrong = { done: [{ runtime: 1 }, null, 'x'], cuts: { length: 3 }, inside: [{ opened: '-' }], lines: 7, __proto__: 'x' };
    writeFileSync(join(scene.state, CURRENT), signed({ version: 1, generation: 9, files: [], memory: wrong }));
    const daemon = scene.daemon();
    await scene.deliver(1, daemon);
    expect([scene.containers, scene.doubles]).toEqual([new Set(['box-0', 'box-1']), []]);
  });
});

describe.skipIf(!canMount)('with a disk of its own (needs root and unshare)', () => {
  test('F6: the disk of the state is full: it keeps sending, says so once, and saves again when there is room', async () => {
    await using scene = await Scene.open();
    using disk = await SmallDisk.mount(scene.state, '64k');
    scene.folder.write('timestamps.log', '');
    const daemon = scene.daemon({ OTEL_METRICS_EXPORTER: 'otlp', OTEL_METRIC_EXPORT_INTERVAL: '100', OTEL_METRIC_EXPORT_TIMEOUT: '100' }, disk.within);
    await scene.deliver(0, daemon);
    await until(10_000, () => existsSync(join(disk.path, CURRENT)), () => daemon.said);
    await until(10_000, () => gauge(scene) === 0, () => daemon.said);
    fill(disk);
    await scene.deliver(1, daemon);
    await until(10_000, () => saidTimes(daemon, 'state_unwritable') === 1 && gauge(scene) === 1, () => daemon.said);
    await scene.deliver(2, daemon);
    expect(readdirSync(disk.path)).not.toContain('state.json.tmp');
    rmSync(join(disk.path, 'filler'));
    await until(30_000, () => saidTimes(daemon, 'state_writable_again') === 1, () => daemon.said);
    expect(saidTimes(daemon, 'state_unwritable')).toBe(1);
    await daemon.kill();
    const requests = scene.receiver.requests.length;
    const next = scene.daemon({}, disk.within);
    await scene.deliver(3, next);
    await scene.stop(next);
    expect(scene.containers.size).toBe(4);
    // What was saved after the disk had room again is not sent once more.
    expect(scene.receiver.requests.length - requests).toBe(1);
  }, 60_000);

  test('F6: killed while the disk is full: all since the last save is sent again, the same', async () => {
    await using scene = await Scene.open();
    using disk = await SmallDisk.mount(scene.state, '64k');
    scene.folder.write('timestamps.log', '');
    const daemon = scene.daemon({}, disk.within);
    await scene.deliver(0, daemon);
    await until(10_000, () => existsSync(join(disk.path, CURRENT)), () => daemon.said);
    fill(disk);
    await scene.deliver(1, daemon);
    await until(10_000, () => saidTimes(daemon, 'state_unwritable') === 1, () => daemon.said);
    await daemon.kill();
    const next = scene.daemon({}, disk.within);
    await scene.deliver(2, next);
    expect([scene.containers.size, scene.doubles]).toEqual([3, []]);
  }, 60_000);

  test('F7: the folder becomes read-only while it runs: it keeps sending, says so once, and saves again when it may', async () => {
    await using scene = await Scene.open();
    using disk = await SmallDisk.mount(scene.state, '1m');
    scene.folder.write('timestamps.log', '');
    const daemon = scene.daemon({}, disk.within);
    await scene.deliver(0, daemon);
    await until(10_000, () => existsSync(join(disk.path, CURRENT)), () => daemon.said);
    disk.cover();
    await scene.deliver(1, daemon);
    await until(10_000, () => saidTimes(daemon, 'state_unwritable') === 1, () => daemon.said);
    await scene.deliver(2, daemon);
    disk.uncover();
    await until(30_000, () => saidTimes(daemon, 'state_writable_again') === 1, () => daemon.said);
    expect(saidTimes(daemon, 'state_unwritable')).toBe(1);
    await scene.stop(daemon);
    expect([scene.containers.size, scene.doubles]).toEqual([3, []]);
  }, 60_000);

  test('F7: the folder is read-only from the beginning: a sentence, and nothing is sent that could not be remembered', async () => {
    await using scene = await Scene.open();
    using disk = await SmallDisk.mount(scene.state, '1m');
    disk.cover();
    scene.folder.write('timestamps.log', '');
    scene.write(0);
    const daemon = scene.daemon({}, disk.within);
    expect(await daemon.ended(10_000)).toMatchObject({ code: EXIT_IO });
    expect(daemon.said).toMatch(/the state folder cannot be used.*Make the folder writable for this user, or name another one with --state-dir/);
    expect(scene.receiver.requests).toEqual([]);
  });
});

/** The last value of `shimtrace.state_unwritable` that came: the double behind the name (field 4 of NumberDataPoint, wire type 1). */
function gauge({ receiver }: Scene): number | undefined {
  const bytes = receiver.metrics.at(-1) ?? Buffer.alloc(0);
  const name = bytes.indexOf('shimtrace.state_unwritable');
  const value = bytes.indexOf(0x21, name);
  return name < 0 || value < 0 ? undefined : bytes.readDoubleLE(value + 1);
}

function fill(disk: SmallDisk): void {
  for (let size = 65_536; size >= 1; size >>= 1) {
    try {
      writeFileSync(join(disk.path, 'filler'), Buffer.alloc(size), { flag: 'a' });
    } catch {
      // full for this much; what is left is filled by less
    }
  }
}

describe('F7: the folder', () => {
  test('is not there: it is made, with its parents', async () => {
    await using scene = await Scene.open();
    expect(existsSync(scene.state)).toBe(false);
    await ran(scene);
    expect(readdirSync(scene.state)).toContain(CURRENT);
  });

  test('vanishes while it runs: it keeps sending, says so once, and saves again when it is back', async () => {
    await using scene = await Scene.open();
    scene.folder.write('timestamps.log', '');
    const daemon = scene.daemon();
    await scene.deliver(0, daemon);
    const away = scene.folder.at('away');
    renameSync(scene.state, away);
    await scene.deliver(1, daemon);
    await until(10_000, () => saidTimes(daemon, 'state_unwritable') === 1, () => daemon.said);
    await scene.deliver(2, daemon);
    mkdirSync(scene.state, { mode: 0o700 });
    await until(30_000, () => saidTimes(daemon, 'state_writable_again') === 1, () => daemon.said);
    await scene.stop(daemon);
    expect(saidTimes(daemon, 'state_unwritable')).toBe(1);
    const requests = scene.receiver.requests.length;
    const next = scene.daemon();
    await scene.deliver(3, next);
    await scene.stop(next);
    expect([scene.containers.size, scene.doubles, scene.receiver.requests.length - requests]).toEqual([4, [], 1]);
  }, 60_000);
});

describe('U2: two on one folder', () => {
  test('the second ends with a sentence and disturbs nothing; kill -9 of the first makes way', async () => {
    await using scene = await Scene.open();
    scene.folder.write('timestamps.log', '');
    const first = scene.daemon();
    await scene.deliver(0, first);
    const second = scene.daemon();
    expect(await second.ended(10_000)).toMatchObject({ code: EXIT_IO });
    expect(second.said).toMatch(/another shimtrace works with this state folder.*Stop the other one, or give this one a folder of its own with --state-dir/);
    await scene.deliver(1, first);
    await first.kill();
    const third = scene.daemon();
    await scene.deliver(2, third);
    await scene.stop(third);
    expect([scene.containers.size, scene.doubles]).toEqual([3, []]);
  });
});
