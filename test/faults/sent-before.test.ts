/** kill -9 in the moment after a start was sent, and a file of it is deleted before the next life: no span has two contents. */
import { readFileSync, renameSync, rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Folder } from '../support/files.ts';
import { spansOf } from '../support/otlp.ts';
import { Random } from '../support/random.ts';
import { Receiver } from '../support/receiver.ts';
import { start, text } from '../support/uruncwriter.ts';
import { Daemon, shimtraceAsync, until } from './program.ts';

const NAME = 'timestamps.log';

test('F2, R4: what is left of a start that was sent whole comes as a trace of its own, which links to it and says so', async () => {
  const receiver = await Receiver.start();
  const folder = new Folder();
  folder.write('shimtrace.yaml', 'patience: 3s\n');
  const args = ['--config', folder.at('shimtrace.yaml'), '--file', folder.at(NAME), '--state-dir', folder.at('state'), '--otlp', receiver.url, '--host-id', 'here', '--log-level', 'debug'];
  const rootOf = (index: number): ReturnType<typeof spansOf>[number] | undefined => spansOf(receiver.requests[index]?.bytes ?? Buffer.alloc(0)).find(({ parent }) => parent === '');
  receiver.script = () => ({ kind: 'hang' });
  const lines = start(new Random(1), { generation: 'D', id: 'fa7d'.repeat(16), at: BigInt(Date.now()) * 1_000_000n });
  folder.write(NAME, text(lines.slice(0, 9)));
  const first = new Daemon(args);
  let second: Daemon | undefined;
  try {
    await until(10_000, () => first.said.includes('"state_saved"'), () => first.said);
    renameSync(folder.at(NAME), folder.at(`${NAME}.1`));
    folder.write(NAME, text(lines.slice(9)));
    await until(10_000, () => receiver.requests.length > 0, () => first.said);
    // The new file is known before it goes.
    await until(10_000, () => JSON.parse(readFileSync(folder.at('state/state.json'), 'utf8').split('\n')[0] ?? '').files.length === 2, () => first.said);
    await first.kill();
    rmSync(folder.at(NAME));
    receiver.script = () => ({ kind: 'ok' });
    const heir = new Daemon(args);
    second = heir;
    const whole = rootOf(0);
    await until(20_000, () => receiver.requests.length > 1, () => heir.said);
    const left = rootOf(1);
    expect(heir.said).toContain('"lost_while_down"');
    expect(left?.traceId).not.toBe(whole?.traceId);
    expect(left?.links).toEqual([{ traceId: whole?.traceId, spanId: whole?.spanId, attributes: [['shimtrace.link', 'sent_before']] }]);
    expect(heir.said).toMatch(/"event":"finding","text":"fa7dfa7dfa7d: made of 9 lines; before a restart it was sent made of 19, as trace [0-9a-f]{32}"/);
    // It is in the store when the state is saved.
    const show = (): ReturnType<typeof shimtraceAsync> => shimtraceAsync('show', 'fa7d', '--state-dir', folder.at('state'));
    let shown = await show();
    for (const end = performance.now() + 10_000; !shown.stdout.includes('sent-before') && performance.now() < end;) shown = await show();
    expect(shown.stderr).toBe('');
    expect(shown.stdout).toMatch(/! sent-before +made of 9 lines/);
  } finally {
    for (const daemon of [first, second]) if (daemon?.running === true) await daemon.kill();
    await receiver.stop();
    folder.dispose();
  }
});
