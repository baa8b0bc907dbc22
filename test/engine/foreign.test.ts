/** A line that a glance calls another program's is one that no rule would have taken. */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compile } from '../../src/engine/compile.ts';
import { Foreign } from '../../src/engine/foreign.ts';
import { together } from '../../src/model/writers.ts';
import type { CompiledSource } from '../../src/engine/compile.ts';
import { loadRuntimes } from '../../src/cli/runtimes.ts';
import { newLedger } from '../support/ledger.ts';
import { corpusFile, overRecordings } from '../support/corpus.ts';
import { sourceKey } from '../../src/model/source.ts';
import { nanos } from '../../src/model/time.ts';

const sources: readonly CompiledSource[] = (await loadRuntimes()).flatMap(({ rule }) => compile(rule).sources);
const syntaxes = [...new Set(sources.flatMap((source) => source.syntaxes))];
const foreign = new Foreign(syntaxes, together(sources.map((source) => source.writers)));

const isForeign = (line: string): boolean => {
  const bytes = Buffer.from(`before\n${line}\nafter`);
  return foreign.is(bytes, 7, bytes.length - 6);
};

/** The rule that takes the line when it is read whole. */
function taken(line: string): string | undefined {
  const bytes = Buffer.from(line);
  for (const source of sources) {
    for (const syntax of source.syntaxes) {
      const entry = syntax.read(bytes, 0, bytes.length);
      if (typeof entry === 'string') continue;
      const { kind } = source.match(entry);
      if (kind === 'event' || kind === 'ignored') return `${source.runtime.name}: ${kind}`;
    }
  }
  return undefined;
}

const entry = (fields: Readonly<Record<string, unknown>>): string => JSON.stringify({ __REALTIME_TIMESTAMP: '1795216100546538', ...fields });

describe('by a glance', () => {
  test.each([
    'Nov 20 14:11:54 host sshd[812]: Accepted publickey for root from 10.0.0.7', 'Nov 20 14:11:54 host kernel: [  12.5] eth0: link up', '2026-11-20T14:11:54+00:00 host CRON[1]: (root) CMD (true)',
    'Nov 20 14:11:54 host kubelet[9]: I1120 14:11:54.1 9 x.go:1] "said" name="kata-runtime"', entry({ SYSLOG_IDENTIFIER: 'sshd', MESSAGE: 'Accepted' }), entry({ _COMM: 'cron', MESSAGE: 'say "NAME":"kata-runtime"' }),
    entry({ A: '","SYSLOG_IDENTIFIER":"kata', SYSLOG_IDENTIFIER: 'x', MESSAGE: 'y' }),
  ])('another program\'s: %s', (line) => expect([isForeign(line), taken(line)]).toEqual([true, undefined]));

  test.each([
    'Nov 20 14:11:54 host kata-runtime[812]: anything', 'Nov 20 14:11:54 host containerd[8]: anything', 'Nov 20 14:11:54 host unheard-of[8]: time="2026-11-20T14:11:54Z" level=info msg=x',
    'Nov 20 14:11:54 host unheard-of[8]: {"msg":"x"}', 'no prefix at all', '', 'Nov 20 14:11:54 host systemd-journald[1]: Suppressed 3 messages from containerd.service',
    entry({ SYSLOG_IDENTIFIER: 'kata', MESSAGE: 'x' }), entry({ SYSLOG_IDENTIFIER: 'x', NAME: 'kata-runtime', MESSAGE: 'x' }), entry({ NAME: 'kata-runtime', _COMM: 'x', MESSAGE: 'x' }),
    entry({ SYSLOG_IDENTIFIER: 'x', MESSAGE: 'time="2026-11-20T14:11:54Z" msg=y' }), entry({ MESSAGE: 'x' }), entry({ SYSLOG_IDENTIFIER: 'x', MESSAGE: [104, 27] }), '{"time":1795216100546538000,"msg":"x"}',
  ])('to be read: %s', (line) => expect(isForeign(line)).toBe(false));

  test('whatever is written, no rule takes what it calls another program\'s', () => {
    const name = fc.constantFrom('kata', 'kata-runtime', 'containerd', 'sshd', 'kernel', 'kat', 'kata-runtime2');
    const said = fc.oneof(fc.string(), fc.constantFrom('time="2026-11-20T14:11:54Z" level=info msg="x" name=kata-runtime', '{"name":"kata-runtime","msg":"x"}', ' time="2026-11-20T14:11:54Z" name=kata-shim'));
    const text = fc.tuple(name, said).map(([writer, what]) => `Nov 20 14:11:54 host ${writer}[7]: ${what.replaceAll('\n', ' ')}`);
    const json = fc.record({ SYSLOG_IDENTIFIER: name, _COMM: name, NAME: fc.constantFrom('kata-runtime', 'x'), MESSAGE: said }, { requiredKeys: [] }).map(entry);
    fc.assert(fc.property(fc.oneof(text, json), (line) => {
      if (isForeign(line)) expect(taken(line)).toBeUndefined();
    }));
  });

  overRecordings('the journals of the corpus', () => {
    test.each(['containerd', 'docker', 'runc', 'kata-1', 'kata-2-to-4', 'kuasar', 'kata-go-4.0-real/pod2', 'kata-rs-4.0-real/pod2', 'kata-1.12-real/start-stop'])('%s', (folder) => {
      for (const name of readdirSync(corpusFile(folder)).filter((each) => each.endsWith('.log'))) {
        for (const line of readFileSync(corpusFile(`${folder}/${name}`), 'utf8').split('\n')) if (isForeign(line)) expect([line, taken(line)]).toEqual([line, undefined]);
      }
    });
  });
});

test('what was not handed in counts as another program\'s, and the source stands where it was written', () => {
  const ledger = newLedger();
  const source = ledger.begin({ key: sourceKey('journal'), name: 'journal', fresh: true, rank: 0, journal: true });
  const at = 1_795_216_100_546_538_000n;
  ledger.passed(source, 7, nanos(at), nanos(at + 5n));
  ledger.passed(source, 2, nanos(0n), nanos(0n));
  const [reading] = ledger.readings();
  expect([reading?.verdicts.lines, reading?.verdicts.ignored.get('another program'), reading?.firstTime, reading?.lastTime]).toEqual([9, 9, at, at + 5n]);
});
