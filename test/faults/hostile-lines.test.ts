/** A line speaks for the container in its own field and for nobody else, and takes no more room than a line may. */
import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Folder } from '../support/files.ts';
import { tracesOf } from '../support/ledger.ts';
import { spansOf } from '../support/otlp.ts';
import type { SpanMessage } from '../support/otlp.ts';
import { Random } from '../support/random.ts';
import { Receiver } from '../support/receiver.ts';
import { line, start } from '../support/uruncwriter.ts';
import { Daemon, shimtraceAsync as shimtrace, until } from './program.ts';

const AT = 1_795_216_000_000_000_000n;
const VICTIM = 'fa7d2b21caf8903a'.repeat(4);
const honest = start(new Random(3), { generation: 'D', id: VICTIM, at: AT });
const spelt = (fields: string, time = AT + 5n): string => `{${fields},"time":${time}}`;
const claim = (id: string, more = ''): string => spelt(`"containerID":"${id}","timestampID":"TS00"${more}`);

/** Fields by which some writer names a container, all claiming the victim, in a line of somebody else. */
const CLAIMS = ['id', 'container', 'container_id', 'containerId', 'CONTAINERID', 'containerID ', ' containerID', 'sandbox', 'sandboxID', 'cid', 'name', 'ns', 'k8s.pod.uid']
  .map((name) => `"${name}":"${VICTIM}"`).join(',');
const QUOTED = JSON.stringify(line('D', VICTIM, 'TS18', AT + 9n).text);

/** What each line is and the verdict on it; `event` lines name a container of their own. */
const HOSTILE: readonly (readonly [what: string, text: string, verdict: string])[] = [
  ['claims in every other field', claim('attacker-1', `,${CLAIMS}`), 'event'],
  ['a text that looks like a line of the victim', claim('attacker-2', `,"msg":${QUOTED}`), 'event'],
  ['a nested object that looks like a line of the victim', claim('attacker-3', `,"inner":${line('D', VICTIM, 'TS18', AT + 9n).text}`), 'event'],
  ['the victim named twice, the second time', spelt(`"containerID":"attacker-4","containerID":"${VICTIM}","timestampID":"TS05"`), 'field-twice'],
  ['the same name, once escaped', spelt(`"containerID":"attacker-4","\\u0063ontainerID":"${VICTIM}","timestampID":"TS05"`), 'field-twice'],
  ['a list of ids', spelt(`"containerID":["${VICTIM}"],"timestampID":"TS05"`), 'bad-container-id'],
  ['an object for an id', spelt(`"containerID":{"id":"${VICTIM}"},"timestampID":"TS05"`), 'bad-container-id'],
  ['an id with a line end', claim(`${VICTIM}\\n`), 'bad-container-id'],
  ['an id with a zero byte', claim(`${VICTIM}\\u0000`), 'bad-container-id'],
  ['an id with an escape', claim('\\u001b[2J'), 'bad-container-id'],
  ['an id that turns the writing round', claim('\u202egnp'), 'bad-container-id'],
  ['an id with a byte that is no character', claim('\\ud800'), 'bad-container-id'],
  ['an id of a path', claim('../../etc/passwd'), 'bad-container-id'],
  ['an id of 60,000 letters', claim('a'.repeat(60_000)), 'bad-container-id'],
  ['an id of ten million letters', claim('a'.repeat(10_000_000)), 'line-too-long'],
  ['__proto__ as an id', claim('__proto__'), 'bad-container-id'],
  ['constructor as an id', claim('constructor'), 'event'],
  ['toString as an id', claim('toString'), 'event'],
  ['names of Object’s own as fields', claim('attacker-5', ',"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":"x","hasOwnProperty":1'), 'event'],
  ['__proto__ as a mark', spelt(`"containerID":"${VICTIM}","timestampID":"__proto__"`), 'unknown'],
  ['constructor as a mark', spelt(`"containerID":"${VICTIM}","timestampID":"constructor","timestampName":"toString"`), 'unknown'],
  ['10,000 fields', spelt(`"containerID":"${VICTIM}","timestampID":"TS05",${Array.from({ length: 10_000 }, (_, index) => `"f${index}":1`).join(',')}`), 'too-many-fields'],
  ['10,000 lists in one another', claim('attacker-6', `,"deep":${'['.repeat(10_000)}${']'.repeat(10_000)}`), 'json-too-deep'],
  ['10,000 objects in one another', claim('attacker-6', `,"deep":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`), 'json-too-deep'],
  ['bytes that are no UTF-8', claim('attacker-6', ',"x":"\xc0\x80"'), 'not-utf8'],
  ['a long text beside the mark', claim('attacker-7', `,"note":"${'x'.repeat(60_000)}"`), 'event'],
];

const ATTACKERS = ['attacker-1', 'attacker-2', 'attacker-3', 'attacker-5', 'attacker-7', 'constructor', 'toString'];

/** The honest lines with the hostile ones between them; only the one that is no UTF-8 has bytes of its own. */
function mixed(): Buffer {
  const lines: string[] = [];
  for (const [index, one] of honest.entries()) {
    lines.push(one.text);
    for (let at = index; at < HOSTILE.length; at += honest.length) lines.push(HOSTILE[at]?.[1] ?? '');
  }
  return Buffer.concat(lines.flatMap((text) => [Buffer.from(text, text.includes('\xc0') ? 'latin1' : 'utf8'), Buffer.from('\n')]));
}

const containerOf = (span: SpanMessage): unknown => span.attributes.find(([name]) => name === 'container.id')?.[1];

describe('S2: hostile lines between those of an honest start', () => {
  test.each(HOSTILE)('%s', (_, text, verdict) => {
    if (verdict === 'line-too-long') return; // the reader's: below, from a real file
    const { verdicts } = tracesOf(Buffer.concat([Buffer.from(text, text.includes('\xc0') ? 'latin1' : 'utf8'), Buffer.from('\n')]));
    const { lines, events, unknown, malformed } = verdicts;
    expect(lines).toBe(1);
    expect({ events, unknown, malformed }).toEqual({
      events: verdict === 'event' ? 1 : 0,
      unknown: verdict === 'unknown' ? 1 : 0,
      malformed: verdict === 'event' || verdict === 'unknown' ? {} : { [verdict]: 1 },
    });
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  test('sent by a daemon: the honest trace is the same to the byte, each attacker has only its own, nothing grows', async () => {
    const folder = new Folder();
    const receiver = await Receiver.start();
    folder.write('timestamps.log', mixed());
    const args = ['--otlp', receiver.url, '--host-id', 'here'];
    const daemon = new Daemon(['--file', folder.at('timestamps.log'), '--state-dir', folder.at('state'), ...args]);
    try {
      const spans = () => receiver.requests.flatMap(({ bytes }) => spansOf(bytes));
      const victims = () => spans().filter((span) => containerOf(span) === VICTIM);
      await until(20_000, () => victims().length > 0, () => daemon.said);
      daemon.signal('SIGTERM');
      await daemon.ended(10_000);
      // Those that only began are cut here: by the end of the file, not by waiting a minute.
      expect(await shimtrace('import', ...args, folder.at('timestamps.log'))).toMatchObject({ code: 0 });
      const clean = folder.at('clean.log');
      writeFileSync(clean, honest.map((one) => `${one.text}\n`).join(''));
      const before = receiver.requests.length;
      expect(await shimtrace('import', ...args, clean)).toMatchObject({ code: 0 });
      const [expected] = receiver.requests.splice(before);
      const key = (span: SpanMessage): string => JSON.stringify(span, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
      expect(new Set(victims().map(key))).toEqual(new Set(spansOf(expected?.bytes ?? Buffer.alloc(0)).map(key)));
      expect([...new Set(spans().map(containerOf))].sort()).toEqual([...ATTACKERS, VICTIM].sort());
      for (const span of spans()) expectBounded(span);
    } finally {
      if (daemon.running) await daemon.kill();
      await receiver.stop();
      folder.dispose();
    }
  });

  test('each is counted by name', async () => {
    const folder = new Folder();
    folder.write('timestamps.log', mixed());
    const { stderr } = await shimtrace('import', '--format', 'json', '-o', folder.at('out'), folder.at('timestamps.log'));
    folder.dispose();
    const counts = Map.groupBy(HOSTILE, ([, , verdict]) => verdict);
    for (const [verdict, lines] of counts) {
      if (verdict !== 'event') expect(stderr).toContain(verdict === 'unknown' ? `${lines.length} unknown` : `${verdict} ${lines.length}`);
    }
    expect(stderr).toContain(` in ${honest.length + HOSTILE.length} lines`);
  });
});

test('S2: a start of far too many, far too long lines stays within the limits of a span', async () => {
  const folder = new Folder();
  const receiver = await Receiver.start();
  const noise = Array.from({ length: 3_000 }, (_, index) => line('D', VICTIM, 'TS01', AT + 1_000_000n + BigInt(index)).text.replace('{', `{"note":"${'é'.repeat(3_000)}",`));
  folder.write('timestamps.log', [honest[0]?.text ?? '', ...noise, ''].join('\n'));
  const outcome = await shimtrace('import', '--otlp', receiver.url, folder.at('timestamps.log'));
  expect(outcome.stderr).toContain('cut: too many marks');
  const spans = receiver.requests.flatMap(({ bytes }) => spansOf(bytes));
  expect(spans.length).toBeGreaterThan(0);
  for (const span of spans) expectBounded(span);
  expect(Math.max(...receiver.requests.map(({ bytes }) => bytes.length))).toBeLessThan(4 * 1024 * 1024);
  await receiver.stop();
  folder.dispose();
});

/** The limits of docs/traces.md. */
function expectBounded(span: SpanMessage): void {
  expect(span.events.length).toBeLessThanOrEqual(128);
  expect(span.attributes.length).toBeLessThanOrEqual(64);
  for (const [name, value] of [...span.attributes, ...span.events.flatMap((event) => event.attributes)]) {
    expect(name.length).toBeLessThanOrEqual(128);
    expect(Buffer.byteLength(String(value))).toBeLessThanOrEqual(1_900);
  }
}
