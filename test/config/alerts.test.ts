import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.ts';
import { formatComplaint, formatComplaints } from '../../src/config/message.ts';
import { formatThreshold, parseThreshold } from '../../src/config/units.ts';

const said = (text: string): string[] => parseConfig(text, 'c.yaml', {}).complaints.map((complaint) => formatComplaint(complaint).split('\n')[0] ?? '');

describe('rules and sinks that are wrong, by line and column', () => {
  test.each([
    ['alerts:\n  - above: 1s\n', 'c.yaml:2:5  error  alerts[0]: name is missing. What the alert is called.'],
    ['alerts:\n  - name: a b\n    above: 1s\n', 'c.yaml:2:11  error  alerts[0].name: "a b" is not a name: letters, digits, "-" and "_", at most 64, a letter first.'],
    ['alerts:\n  - {name: a, above: 1sec}\n', 'c.yaml:2:22  error  alerts[0].above: "1sec" is neither a duration above 0 nor a factor over a percentile. Write 1s, 800ms or 1.5x p95 of 7d.'],
    ['alerts:\n  - {name: a, above: 2x p101 of 7d}\n', 'c.yaml:2:22  error  alerts[0].above: "2x p101 of 7d" is neither a duration above 0 nor a factor over a percentile. Write 1s, 800ms or 1.5x p95 of 7d.'],
    ['alerts:\n  - {name: a, above: 1}\n', 'c.yaml:2:22  error  alerts[0].above: "1" has no unit. Write 1s or 1ms.'],
    ['alerts:\n  - {name: a}\n', 'c.yaml:2:12  error  alerts[0].name: above is missing: what is too long? Write above: 1s, or on: error for starts that fail.'],
    ['alerts:\n  - {name: a, on: error, above: 1s}\n', 'c.yaml:2:33  error  alerts[0].above: means nothing with on: error.'],
    ['alerts:\n  - {name: a, on: error, phase: create}\n', 'c.yaml:2:33  error  alerts[0].phase: means nothing with on: error.'],
    ['alerts:\n  - {name: a, on: fail}\n', 'c.yaml:2:19  error  alerts[0].on: "fail" is none of slow, error.'],
    ['alerts:\n  - {name: a, above: 2x p95 of 7d, open: true}\n', 'c.yaml:2:42  error  alerts[0].open: needs phase: total and a duration in above: only that can be told of a start under way.'],
    ['alerts:\n  - {name: a, above: 1s}\n  - {name: a, above: 2s}\n', 'c.yaml:3:12  error  alerts[1].name: "a" stands twice.'],
    ['alerts: [{name: a, above: 1s, notify: hok}]\nnotify: [{name: hook, journal: true}]\n', 'c.yaml:1:39  error  alerts[0].notify: there is no "hok" under notify. Did you mean "hook"? Known: hook.'],
    ['notify: [{name: a}]', 'c.yaml:1:17  error  notify[0].name: says not what it is. Write alertmanager: URL, webhook: URL, command: [/path, ...] or journal: true.'],
    ['notify: [{name: a, webhook: "http://h/", journal: true}]', 'c.yaml:1:51  error  notify[0].journal: is webhook and journal at once. Write an item for each.'],
    ['notify: [{name: a, command: rm}]', 'c.yaml:1:29  error  notify[0].command: begins with no absolute path. Write ["/usr/local/bin/program", "argument"]; no shell reads it.'],
    ['notify: [{name: a, alertmanager: localhost:9093}]', 'c.yaml:1:34  error  notify[0].alertmanager: "localhost:9093" is not a URL. Write http://localhost:9093 or https://localhost:9093.'],
    ['notify: [{name: a, journal: true, headers: {a: b}}]', 'c.yaml:1:44  error  notify[0].headers: means nothing here: only requests have headers.'],
    ['metrics: {listen: 9464}', 'c.yaml:1:19  error  metrics.listen: "9464" is not an address to listen on. Write 127.0.0.1:9464, or off.'],
    ['metrics: {listen: "localhost:70000"}', 'c.yaml:1:19  error  metrics.listen: "localhost:70000" is not an address to listen on. Write 127.0.0.1:9464, or off.'],
    ['metrics: {listen: "0.0.0.0:9464"}', 'c.yaml:1:19  warning  metrics.listen: everybody who reaches 0.0.0.0:9464 over the network can read the metrics; they ask for no password.'],
  ])('%j', (text, complaint) => {
    expect(said(text)).toEqual([complaint]);
  });

  test('a sink that nobody is told through is remarked', () => {
    expect(said('alerts: [{name: a, above: 1s, notify: j}]\nnotify: [{name: j, journal: true}, {name: k, journal: true}]\n')).toEqual(['c.yaml:2:43  warning  notify[1].name: no rule names it.']);
  });

  test('what is in the headers of a sink is quoted nowhere', () => {
    const text = formatComplaints(parseConfig('notify:\n  - name: a\n    webhook: https://h/\n    headers: {x-y: hush, "b c": hush}\n    zzz: 1\n', 'c.yaml', {}).complaints);
    expect(text).toContain('is not the name of a header');
    expect(text).not.toContain('hush');
  });

  test.each(['metrics: {listen: "127.0.0.1:0"}', 'metrics: {listen: "[::1]:9464"}', 'metrics: {listen: off}', 'metrics: {listen: "localhost:9464"}'])('%s', (text) => {
    expect(said(text)).toEqual([]);
  });
});

describe('thresholds', () => {
  test.each(['1s', '800ms', '1m30s', '1.5x p95 of 7d', '3x p99.9 of 12h', '2x p50 of 30d'])('%s is read and written', (text) => {
    const threshold = parseThreshold(text);
    expect(threshold && formatThreshold(threshold)).toBe(text);
  });

  test.each(['', '0s', '0.5x p95 of 7d', '2x p0 of 7d', '2x p95 of 31d', '2x p95 of 0d', '2 x p95 of 7d', '2x p95', '2x p95 of'])('%j is none', (text) => {
    expect(parseThreshold(text)).toBeUndefined();
  });
});
