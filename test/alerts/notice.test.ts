import { describe, expect, test } from 'vitest';
import { noticeOf } from '../../src/alerts/notice.ts';
import { alertOf } from '../../src/alerts/sinks.ts';
import { duration } from '../../src/model/time.ts';
import { grafanaLink } from '../../src/cli/links.ts';
import { occasion, rule, slowStart, words } from './parts.ts';

const finding = (id: string, loss: number | undefined, lines: readonly string[] = []): ReturnType<typeof slowStart>['findings'][number] => ({
  id, text: `text of ${id}`, confidence: 'sure', loss: loss === undefined ? undefined : duration(loss * 1e6), share: undefined, remedy: `remedy of ${id}`,
  evidence: lines.map((line) => ({ source: Object(0), row: 1, time: slowStart(1).at, line })),
});

describe('for people', () => {
  test('what was slow against what, the phase, the link, the lines', () => {
    const { summary, description } = noticeOf(occasion(), words);
    expect(summary).toBe(`urunc container ${'c'.repeat(12)}: start took 2s, the limit is 1s`);
    expect(description).toBe(`\
Container ${'c'.repeat(64)} on vmfarm, 2023-12-27T11:26:06.849599657Z: ok, 2s active, 5s with the gaps of the caller.
Slowest: create: wait (urunc-create), 1.2s of its own.
Trace: http://jaeger/trace/00000000000000000000000000000abc
Lines:
  line of asked
  line of answered`);
  });

  test('the finding that cost most, with its proof; what was held back; Grafana', () => {
    const trace = slowStart(2_000, { findings: [finding('one', undefined), finding('two', 900, ['it dials', 'it is connected']), finding('three', 5)] });
    const { description } = noticeOf(occasion({ trace, heldBack: 3, links: { jaeger: 'http://j', grafana: 'http://g' } }), words);
    expect(description).toContain('Finding: text of two (900ms); remedy of two\n');
    expect(description).toContain('Grafana: http://g\nLines:\n  it dials\n  it is connected\n3 more of the kind were held back since the last alert.');
  });

  test('any phase: what was too long as well', () => {
    const { summary, description } = noticeOf(occasion({ rule: rule({ phase: '*' , above: { kind: 'fixed', limit: duration(5e8) } }) }), words);
    expect(summary).toBe(`urunc container ${'c'.repeat(12)}: create: wait took 1.2s, the limit is 500ms`);
    expect(description).toContain('Too long as well: create 2s, the limit is 500ms.');
  });

  test('against what was usual', () => {
    const usual = { factor: 1.5, percentile: 95, window: duration(1), value: duration(8e8), samples: 120 };
    const { summary } = noticeOf(occasion({ breaches: [{ phase: 'total', took: duration(2e9), limit: duration(12e8), usual, span: undefined }] }), words);
    expect(summary).toMatch(/start took 2s, the limit is 1\.2s: 1\.5 x p95 800ms of 120 starts$/);
  });

  test('a start that failed; one that is still under way', () => {
    const trace = slowStart(10, { outcome: 'failed', errorType: 'failed' });
    const failed = noticeOf(occasion({ trace, breaches: [], rule: rule({ on: 'error' }) }), words);
    expect(failed.summary).toBe(`failed start of urunc container ${'c'.repeat(12)}: failed`);
    const open = noticeOf(occasion({ status: 'open', trace: slowStart(10, { outcome: 'incomplete', errorType: 'incomplete' }), breaches: [{ phase: 'total', took: duration(2e9), limit: duration(1e9), usual: undefined, span: undefined }] }), words);
    expect(open.summary).toBe(`urunc container ${'c'.repeat(12)}: start is still under way after 2s, the limit is 1s`);
    expect(open.description).toContain('under way, last mark: execve.');
    expect(JSON.parse(open.json)).toMatchObject({ status: 'open', outcome: null, error: null, error_type: null, end_time_ns: null });
  });
});

describe('for programs', () => {
  test('the JSON', () => {
    const notice = noticeOf(occasion({ rule: rule({ severity: 'critical' }) }), words);
    expect(notice.json).not.toContain('\n');
    expect(JSON.parse(notice.json)).toMatchObject({
      schema: 'shimtrace/alert@1', rule: 'slow', on: 'slow', severity: 'critical', status: 'finished', test: false, time: '2026-11-20T23:14:05.789123457Z',
      host: { id: 'h', name: 'vmfarm' }, runtime: 'urunc', container: 'c'.repeat(64), trace_id: `${'0'.repeat(29)}abc`, outcome: 'ok', error_type: null,
      start_time_ns: '1703676366849599657', end_time_ns: '1703676371849599657', active_ns: 2e9, wall_ns: 5e9, phase: 'total', took_ns: 2e9, limit_ns: 1e9,
      breaches: [{ phase: 'total', took_ns: 2e9, limit_ns: 1e9, usual: null }], slowest: { phase: 'create: wait', service: 'urunc-create', self_ns: 1.2e9 },
      finding: null, links: { grafana: null }, lines: ['line of asked', 'line of answered'], held_back: 0,
    });
  });

  test('Alertmanager’s', () => {
    expect(alertOf(noticeOf(occasion({ test: true, rule: rule({ phase: '*', cooldown: duration(0) }) }), words))).toMatchObject({
      labels: { alertname: 'ContainerStartSlowly', rule: 'slow', severity: 'warning', runtime: 'urunc', phase: 'create: wait', container: 'c'.repeat(64), instance: 'vmfarm', test: 'true' },
      annotations: { trace_id: `${'0'.repeat(29)}abc`, jaeger: `http://jaeger/trace/${'0'.repeat(29)}abc` },
      startsAt: '2026-11-20T23:14:05.789123457Z', endsAt: '2026-11-20T23:19:05.789123457Z', generatorURL: `http://jaeger/trace/${'0'.repeat(29)}abc`,
    });
  });

  test('Grafana’s link', () => {
    const link = new URL(grafanaLink('http://g:3000/base/', 'uid', slowStart(2_000)));
    expect(link.pathname).toBe('/base/explore');
    expect(JSON.parse(link.searchParams.get('panes') ?? '')).toEqual({
      a: { datasource: 'uid', queries: [{ refId: 'A', queryType: 'traceql', query: `${'0'.repeat(29)}abc`, datasource: { type: 'tempo', uid: 'uid' } }], range: { from: '1703676306849', to: '1703676431849' } },
    });
  });
});

describe('what strangers write stays text', () => {
  const EVIL = '$(reboot)\u001b]0;x\u0007\u202e`id`\ud800\n{{ .Labels }}';
  const trace = slowStart(2_000, { container: EVIL, containers: [EVIL], findings: [finding(EVIL, 1, [EVIL, '\u009b31m'.repeat(10_000)])], lastMark: EVIL });
  const notice = noticeOf(occasion({ trace, host: { id: EVIL, name: EVIL } }), words);

  test('on a terminal', () => {
    expect(`${notice.summary}${notice.description.replaceAll('\n', '')}${notice.json}`).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    expect(notice.description.length).toBeLessThan(3_000);
  });

  test('in JSON', () => {
    const json: unknown = JSON.parse(notice.json);
    expect(json).toMatchObject({ container: EVIL });
    expect(Buffer.from(JSON.stringify(alertOf(notice))).toString()).not.toContain('\ufffd\ufffd');
  });
});
