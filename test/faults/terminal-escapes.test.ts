/** Nothing that is printed can steer a terminal, whatever a log, a file's name, a back-end or a command line holds. */
import { mkdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Folder } from '../support/files.ts';
import { Random } from '../support/random.ts';
import { Receiver, status } from '../support/receiver.ts';
import { line, start } from '../support/uruncwriter.ts';
import { Daemon, shimtraceAsync as shimtrace, until } from './program.ts';

const AT = 1_795_216_000_000_000_000n;
/** Retitles the window, clears the screen, turns the writing round, hides, and (in a name) begins a line of its own. */
const EVIL = '\x1b]0;owned\x07\x1b[2J\x9b31m\x85\u202egnp\u2066\u2028\u{e0041}\x7f\x08';
const NAME = `evil${EVIL}\nshimtrace: all is well.log`;

/** C0 but the line end, DEL, C1, format characters (bidi, zero width, tags), separators. */
const OBEYED = /[\0-\x09\x0b-\x1f\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/u;
const offending = (text: string): string[] => text.split('\n').filter((each) => OBEYED.test(each)).map((each) => JSON.stringify(each).slice(0, 200));

const folder = new Folder();
const evilLog = folder.at(NAME);

beforeAll(() => {
  const lines = start(new Random(3), { generation: 'D', id: 'mine', at: AT }).map((each) => each.text);
  const [opener = '', ...others] = lines;
  const raw = EVIL.replace(/[\x00-\x1f]/g, ''); // what JSON lets stand as it is
  folder.write(NAME, Buffer.concat([
    Buffer.from([
      opener.replace('{', `{"note":"${raw}",`),
      `{"containerID":"mine","timestampID":"${raw}","time":${AT + 5n}}`,
      `{"containerID":"mine","timestampID":"\\u001b[31m","time":${AT + 6n}}`,
      `{"containerID":"${raw}","timestampID":"TS00","time":${AT}}`,
      `{"containerID":"\\u001b[31mred","timestampID":"TS00","time":${AT}}`,
      line('D', 'mine', 'TS02', AT + 7n).text.replace('{', `{"note":"${raw}",`),
      `${EVIL} and no JSON`,
      ...others, '',
    ].join('\n')),
    Buffer.from([0xc0, 0x80, 0x9b, 0x33, 0x31, 0x6d, 0xff, 0x0a]),
  ]));
  folder.write(`empty${EVIL}.log`, '');
  folder.write(`junk${EVIL}.log`, `${EVIL}\n`.repeat(20));
  mkdirSync(folder.at(`folder${EVIL}`));
});
afterAll(() => folder.dispose());

describe('S2: commands', () => {
  test.each([
    ['show', ['show', evilLog], 0],
    ['show --format json', ['show', '--format', 'json', evilLog], 0],
    ['show --format otlp-json', ['show', '--format', 'otlp-json', evilLog], 0],
    ['import --format text', ['import', '--format', 'text', evilLog], 0],
    ['import --format json', ['import', '--format', 'json', evilLog], 0],
    ['show of a file that is not there', ['show', folder.at(`missing${EVIL}`)], 66],
    ['show of a folder', ['show', folder.at(`folder${EVIL}`)], 66],
    ['show of an empty file', ['show', folder.at(`empty${EVIL}.log`)], 65],
    ['show of a file that nobody understands', ['show', folder.at(`junk${EVIL}.log`)], 65],
    ['show of a container that is not there', ['show', '--container', 'nobody', evilLog], 66],
    ['import -o to a place that is none', ['import', '--format', 'json', '-o', folder.at(`no${EVIL}/out`), evilLog], 74],
    ['an unknown option', ['show', `--${EVIL}`], 64],
    ['an unknown command', [`x${EVIL}`], 64],
    ['a wrong value', ['show', '--format', EVIL, evilLog], 64],
    ['a wrong prefix', ['show', '--container', EVIL, evilLog], 64],
    ['a wrong runtime', ['show', '--runtime', EVIL, evilLog], 64],
    ['a wrong address', ['import', '--otlp', EVIL, evilLog], 64],
    ['an address with a path', ['import', '--otlp', `http://127.0.0.1:1/${EVIL}`, folder.at(`empty${EVIL}.log`)], 65],
    ['check of a file that is not there', ['check', folder.at(`none${EVIL}`)], 78],
  ] as const)('%s', async (_, args, code) => {
    const outcome = await shimtrace(...args);
    expect(offending(outcome.stdout + outcome.stderr)).toEqual([]);
    expect(outcome.code).toBe(code);
    expect(outcome.stdout.length + outcome.stderr.length).toBeGreaterThan(0);
    // A name cannot begin a line that looks like ours.
    expect(outcome.stderr).not.toMatch(/^shimtrace: all is well/m);
  });

  test('what a back-end answers', async () => {
    const receiver = await Receiver.start({ script: () => ({ kind: 'status', code: status.INVALID_ARGUMENT, message: `no ${EVIL}` }) });
    const outcome = await shimtrace('import', '--otlp', receiver.url, evilLog);
    await receiver.stop();
    expect(outcome.stderr).toContain('owned');
    expect(offending(outcome.stdout + outcome.stderr)).toEqual([]);
    expect(outcome.code).toBe(65);
  });
});

describe('S2: the daemon', () => {
  test.each(['text', 'json'])('its log as %s, and the lines of finished starts', async (format) => {
    const config = folder.write(`config-${format}.yaml`, `log: { format: ${format}, level: debug }\n`);
    const receiver = await Receiver.start({ script: () => ({ kind: 'status', code: status.INVALID_ARGUMENT, message: `no ${EVIL}` }) });
    const state = folder.at(`state-${format}${EVIL}`);
    const daemon = new Daemon(['--config', config, '--file', folder.at('*.log'), '--file', `/no${EVIL}/such.log`, '--otlp', receiver.url, '--state-dir', state]);
    try {
      await until(10_000, () => daemon.said.includes('trace_refused') || daemon.said.includes('will not take'), () => daemon.said);
      expect(offending(daemon.said)).toEqual([]);
      expect(daemon.said).toContain('owned');
      // What is kept for people to look at may be printed, too.
      expect(offending(readFileSync(`${state}/dead-letters.jsonl`, 'utf8'))).toEqual([]);
    } finally {
      daemon.signal('SIGTERM');
      await daemon.ended(10_000);
      await receiver.stop();
    }
  });

  test('starts printed while there is no back-end', async () => {
    const { said } = await printedStarts();
    expect(said).toContain('mine');
    expect(offending(said)).toEqual([]);
  });
});

async function printedStarts(): Promise<{ said: string }> {
  const daemon = new Daemon(['--file', evilLog, '--state-dir', folder.at('state-local')], { OTEL_EXPORTER_OTLP_ENDPOINT: '' });
  try {
    await until(10_000, () => daemon.said.includes('urunc mine'), () => daemon.said);
    return { said: daemon.said };
  } finally {
    daemon.signal('SIGTERM');
    await daemon.ended(10_000);
  }
}
