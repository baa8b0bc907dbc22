/** Lines that reached the file in another form than they were written: pasted, torn, cut, as JSON, bare. The traces are the same, or the loss has a name. */
import { describe, expect, test } from 'vitest';
import { journalShort, session } from '../support/katawriter.ts';
import type { KataLine } from '../support/katawriter.ts';
import { KATA1, printed, tracesOf } from '../support/ledger.ts';
import type { ReadResult } from '../support/ledger.ts';
import { Random } from '../support/random.ts';

const lines = (): readonly KataLine[] => {
  let pid = 300;
  return session(new Random(11), { version: '1.12.1', at: 1_795_216_081_795_582_741n, kind: 'cold', behind: 1_400_000_000n, stop: true, pid: () => ++pid }).lines;
};

const read = (texts: readonly string[]): ReadResult => tracesOf(`${texts.join('\n')}\n`, { runtimes: [KATA1], eager: false });
/** What a trace says, without the raw lines it keeps as evidence. */
const said = ({ traces }: ReadResult): unknown => traces.map(({ id, outcome, spans }) => [id, outcome, spans.map(({ id, service, name, start, end, certainty }) => [id, service, name, start, end, certainty])]);
const inPairs = (texts: readonly string[]): string[] => texts.flatMap((text, index) => (index % 2 === 0 ? [[text, texts[index + 1]].filter((each) => each !== undefined).join(' ')] : []));

describe('the same lines in another form', () => {
  const plain = (): ReadResult => read(lines().map(journalShort));

  test('two records a line, with and without prefixes', () => {
    const pasted = read(inPairs(lines().map(journalShort)));
    expect([said(pasted), pasted.verdicts]).toEqual([said(plain()), plain().verdicts]);
    const bare = read(lines().map(({ text }) => text));
    const both = read(inPairs(lines().map(({ text }) => text)));
    expect([printed(both.traces), both.verdicts]).toEqual([printed(bare.traces), bare.verdicts]);
  });

  test('as `journalctl -o cat`: what stood before the records is not needed', () => {
    expect(said(read(lines().map(({ text }) => text)))).toEqual(said(plain()));
  });

  test('a record that another one cut through is counted, the other is read', () => {
    const all = lines().map(({ text }) => text);
    const at = all.findIndex((text) => text.includes('cleanup agent'));
    const first = all[at] ?? '';
    const torn = [...all.slice(0, at), `${first.slice(0, first.indexOf(' name=') + 9)}${all[at + 1]}`, ...all.slice(at + 2)];
    const result = read(torn);
    expect(result.verdicts.malformed).toEqual({ 'record-torn': 1 });
    expect(result.verdicts.lines).toBe(all.length);
    expect(result.verdicts.events + Object.values(result.verdicts.ignored).reduce((sum, count) => sum + count, 0)).toBe(all.length - 1);
  });

  test('what cannot be told apart is refused by name', () => {
    const mangled = String.raw`time="2026-11-20T23:08:01.5Z" level=info msg="time="2026-11-20T23:08:00.1Z" level=debug msg="New serial channel event" events=4 name=kata-agent pid=1 source=agent`;
    const cut = 'time="2026-11-20T23:08:01.5Z" level=info msg="launching /usr/bin/qemu with: [-name sandbox';
    expect(read([...lines().map(({ text }) => text), mangled, cut]).verdicts.malformed).toEqual({ 'escapes-lost': 1, 'line-cut': 1 });
  });
});
