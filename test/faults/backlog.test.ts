import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Daemon, until } from '../real/program.ts';
import { Folder } from '../support/files.ts';
import { traceIdsOf } from '../support/otlp.ts';
import { Random } from '../support/random.ts';
import { Receiver } from '../support/receiver.ts';
import { start, text } from '../support/uruncwriter.ts';
import { shimtraceAsync } from './program.ts';

const STARTS = 10_000;

/** All of them within a second of log time: none settles before nearly all are read, and then all do. */
function backlog(): string {
  const random = new Random(5);
  const at = BigInt(Date.now() - 3_600_000) * 1_000_000n;
  const lines = Array.from({ length: STARTS }, (_, n) => start(random, { generation: 'D', id: random.hex(64), at: at + BigInt(n) * 90_001n, fate: 'complete', gap: 1_000_000 }));
  return text(lines.flat().sort((a, b) => (a.time < b.time ? -1 : 1)));
}

test('a backlog of ten thousand starts of the same second (M1) is delivered, live and by import, in the memory there is', { timeout: 240_000 }, async () => {
  const folder = new Folder();
  const receiver = await Receiver.start();
  try {
    const log = folder.at('a.log');
    writeFileSync(log, backlog(), { mode: 0o644 });
    let seen = 0;
    const traces = new Set<string>();
    const count = (): number => {
      for (; seen < receiver.requests.length; seen++) for (const id of traceIdsOf(receiver.requests[seen]?.bytes ?? Buffer.alloc(0))) traces.add(id);
      return traces.size;
    };
    const daemon = new Daemon(['--file', log, '--otlp', receiver.url, '--state-dir', folder.at('state')]);
    await until(120_000, () => count() >= STARTS || !daemon.running, () => `${count()} arrived: ${daemon.said}`);
    expect(daemon.running, daemon.said).toBe(true);
    daemon.signal('SIGTERM');
    expect((await daemon.ended(10_000)).code).toBe(0);
    expect(traces.size).toBe(STARTS);
    const imported = await shimtraceAsync('import', log, '--otlp', receiver.url, '--host-id', 'another');
    expect(imported.code, imported.stderr).toBe(0);
    expect(count()).toBe(2 * STARTS);
  } finally {
    await receiver.stop();
    folder.dispose();
  }
});
