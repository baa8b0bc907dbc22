/** One journal holds many runtimes: each takes its own lines and no other's. */
import { expect, test } from 'vitest';
import type { Trace } from '../../src/model/trace.ts';
import { overRecordings } from '../support/corpus.ts';
import { KATA1, KATA_GO, KATA_RS, URUNC, bytesOf, tracesOf } from '../support/ledger.ts';
import { needed } from './recording.ts';

const ALL = [KATA1, KATA_GO, KATA_RS, URUNC];
const bytes = (traces: readonly Trace[]): string[] => traces.map(bytesOf);

overRecordings('all runtimes at once', () => {
  test.each([
    ['kata-1.12-real/exec/journal.log', KATA1],
    ['kata-go-4.0-real/pod2/journal.log', KATA_GO],
    ['kata-go-4.0-real/start-stop/journal.json.log', KATA_GO],
    ['kata-rs-4.0-real/pod2/journal.json.log', KATA_RS],
    ['kata-rs-4.0-real/fail-cmd/journal.json.log', KATA_RS],
  ] as const)('%s', (path, runtime) => {
    const alone = tracesOf(needed(path), { runtimes: [runtime] });
    const among = tracesOf(needed(path), { runtimes: ALL });
    expect(bytes(among.traces)).toEqual(bytes(alone.traces));
    expect(among.verdicts.unknown).toBe(0);
  });

  test('three journals of the same evening in one', () => {
    const logs = ['kata-go-4.0-real/pod2/journal.log', 'kata-rs-4.0-real/pod2/journal.json.log', 'kata-1.12-real/start-stop/journal.log'].map((path) => ({ log: needed(path), key: path }));
    const { traces } = tracesOf(logs, { runtimes: ALL, eager: false });
    expect(Object.fromEntries(['kata-1', 'kata-go', 'kata-rs'].map((name) => [name, traces.filter(({ runtime }) => runtime === name).length]))).toEqual({ 'kata-1': 2, 'kata-go': 4, 'kata-rs': 4 });
  });
});
