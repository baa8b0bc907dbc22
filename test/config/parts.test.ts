import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describe as describeSettings } from '../../src/config/describe.ts';
import { parseConfig } from '../../src/config/load.ts';
import { defaults } from '../../src/config/loaded.ts';
import { formatComplaints } from '../../src/config/message.ts';
import { configFile, mergeFlags } from '../../src/config/override.ts';
import { SCHEMA } from '../../src/config/schema.ts';
import { didYouMean, suggest } from '../../src/config/suggest.ts';
import { bytes, formatDuration, formatSize, parseDuration, parseSize } from '../../src/config/units.ts';
import { duration } from '../../src/model/time.ts';

describe('suggestions', () => {
  test.each([
    ['fromat', 'format'], ['endpont', 'endpoint'], ['Settle', 'settle'], ['ls', undefined], ['improt', 'import'], ['xyz', undefined], ['', undefined],
    ['x'.repeat(100_000), undefined],
  ])('%.20s: %s', (word, meant) => {
    expect(suggest(word, ['format', 'endpoint', 'settle', 'import'])).toBe(meant);
  });

  test('the nearest wins, the first of equals', () => {
    expect(suggest('shwo', ['slow', 'show', 'shot'])).toBe('show');
    expect(suggest('cat', ['bat', 'hat'])).toBe('bat');
    expect(didYouMean('shwo', ['show'])).toBe(' Did you mean "show"?');
    expect(didYouMean('zz', ['show'])).toBe('');
  });
});

describe('durations and sizes', () => {
  test.each([
    ['1s', 1e9], ['800ms', 8e8], ['1m30s', 90e9], ['1.5s', 15e8], ['0s', 0], ['1h2m3s4ms5us6ns', 3_723_004_005_006], ['7µs', 7000], ['90m', 5400e9],
  ])('%s', (text, value) => {
    expect(parseDuration(text)).toBe(value);
  });

  test.each(['', '1', 's', '1sec', '1 s', '30s1m', '1s1s', '-1s', '1e3s', '.5s', '99999999h', '1S', '1ms ', '1w'])('%j is no duration', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  test.each([['32MiB', 33_554_432], ['64 KiB', 65_536], ['1.5GiB', 1_610_612_736], ['500MB', 5e8], ['4096B', 4096], ['0B', 0]])('%s', (text, value) => {
    expect(parseSize(text)).toBe(value);
  });

  test.each(['', '32', '32mib', 'MiB', '-1MiB', '1e9B', '99999999TiB'])('%j is no size', (text) => {
    expect(parseSize(text)).toBeUndefined();
  });

  test('what is written is read back', () => {
    fc.assert(fc.property(fc.nat(2 ** 53 - 1), (value) => {
      expect(parseDuration(formatDuration(duration(value)))).toBe(value);
      expect(parseSize(formatSize(bytes(value)))).toBe(value);
    }));
  });
});

describe('flags over environment over file over default', () => {
  const file = parseConfig('state_dir: /file\nhost_id: file\nlog: {level: warn}\nsources: [{file: /a}]\n', 'c.yaml', {});

  test('each wins over what is below it', () => {
    const env = { SHIMTRACE_STATE_DIR: '/env', SHIMTRACE_HOST_ID: 'env', SHIMTRACE_LOG_LEVEL: '' };
    const { config, complaints, settings } = mergeFlags(file, { stateDir: '/flag', file: ['urunc=/x*.log', '/b=c.log'] }, env);
    expect(complaints).toEqual([]);
    expect(config).toMatchObject({ stateDir: '/flag', hostId: 'env', log: { level: 'warn' }, from: 'beginning' });
    expect(config.sources.map(({ files, runtime }) => [files, runtime])).toEqual([[['/x*.log'], 'urunc'], [['/b=c.log'], undefined]]);
    expect(['state_dir', 'host_id', 'log.level', 'from'].map((path) => settings.get(path)?.origin)).toEqual([
      { kind: 'flag', name: '--state-dir' }, { kind: 'environment', name: 'SHIMTRACE_HOST_ID' },
      { kind: 'file', file: 'c.yaml', line: 3, column: 14 }, { kind: 'default' },
    ]);
  });

  test('the endpoint is not weighed here: one place does it (delivery/endpoint.ts)', () => {
    const { otlp } = mergeFlags(defaults, {}, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://h:1', OTEL_EXPORTER_OTLP_TIMEOUT: '1', OTEL_EXPORTER_OTLP_HEADERS: 'a=b' }).config;
    expect(otlp).toEqual(defaults.config.otlp);
  });

  test('what is wrong changes nothing, and says where it stands', () => {
    const { config, complaints } = mergeFlags(file, { from: 'begining', file: ['kata='] }, { SHIMTRACE_LOG_LEVEL: 'loud' });
    expect(config).toMatchObject({ from: 'beginning', log: { level: 'warn' } });
    expect(formatComplaints(complaints)).toBe(`\
SHIMTRACE_LOG_LEVEL  error  log.level: "loud" is none of trace, debug, info, warn, error.
--from  error  "begining" is none of beginning, end, -DURATION. Did you mean "beginning"?
--file  error  "kata=" names no file. Write --file GLOB or --file RUNTIME=GLOB.
3 errors.
`);
  });

  test('which file', () => {
    expect(configFile('/flag', { SHIMTRACE_CONFIG: '/env' })).toBe('/flag');
    expect(configFile(undefined, { SHIMTRACE_CONFIG: '/env' })).toBe('/env');
    expect(configFile(undefined, { SHIMTRACE_CONFIG: '' })).toBeUndefined();
  });
});

test('the effective configuration: a line for each setting, origins, no secrets', () => {
  const loaded = parseConfig('otlp: {headers: {authorization: hush}}\nhost_id: "a\\eb"\nsources: [{file: [/a, /b], runtime: kata}]\nresource: {a: 1}\n', 'c.yaml', {});
  const text = describeSettings(mergeFlags(loaded, {}, { SHIMTRACE_LOG_LEVEL: 'debug' }).settings);
  expect(text.split('\n').length - 1).toBe(SCHEMA.length);
  expect(text).not.toMatch(/hush|\x1b/);
  expect(text.split('\n').map((line) => line.split(/ {2,}/))).toEqual(expect.arrayContaining([
    ['sources', '[{trust: owner, links: refuse, file: [/a, /b], runtime: kata}]', 'c.yaml:3:10'], ['otlp.headers', '{authorization: ***}', 'c.yaml:1:17'], ['host_id', 'a?b', 'c.yaml:2:10'],
    ['log.level', 'debug', 'SHIMTRACE_LOG_LEVEL'], ['settle', '250ms', 'default'], ['state_dir', '-', 'default'], ['resource', '{a: 1}', 'c.yaml:4:11'],
  ]));
});
