/** Rotated while nobody looked, and no container has started since: the log itself is absent, its parts are not. */
import { existsSync, mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Random } from '../support/random.ts';
import { Receiver } from '../support/receiver.ts';
import { start } from '../support/uruncwriter.ts';
import { Host, now } from './host.ts';
import { Daemon, until } from './program.ts';
import { traceIdOf, viewWire } from './spans.ts';

const HOST = 'absent-host';

test('a log that came and was renamed while the daemon was down is read though no new one is there', { timeout: 60_000 }, async () => {
  await using used = new AsyncDisposableStack();
  const folder = used.use(mkdtempDisposableSync(join(tmpdir(), 'shimtrace-absent-'))).path;
  const host = used.adopt(new Host(join(folder, 'timestamps.log')), (each) => each.dispose());
  const receiver = used.adopt(await Receiver.start(), (each) => each.stop());
  const taken = (trace: string): boolean => receiver.requests.some(({ bytes }) => viewWire(bytes).some((span) => span.traceId === trace));
  const oneStart = async (seed: number): Promise<string> => {
    const id = new Random(seed).hex(64);
    const at = now();
    host.plan('D', start(new Random(seed), { generation: 'D', id, at }));
    await host.play();
    return traceIdOf(HOST, id, at);
  };
  const run = (): Daemon => used.adopt(new Daemon(['--file', host.log, '--otlp', receiver.url, '--state-dir', join(folder, 'state'), '--host-id', HOST]), async (each) => {
    if (each.running) await each.kill();
  });

  const first = await oneStart(1);
  const before = run();
  await until(10_000, () => taken(first) && existsSync(join(folder, 'state/state.json')), () => before.said);
  await before.kill();

  host.rotate();
  const missed = await oneStart(2);
  host.rotate();
  expect(existsSync(host.log)).toBe(false);
  const after = run();
  await until(10_000, () => taken(missed), () => `the start in ${host.log}.1 never came; ${after.said}`);
});
