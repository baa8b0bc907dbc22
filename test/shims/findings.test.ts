/** What is concluded of starts by Kata's shims, from lines that were recorded and from the few that no recording has, in the forms that others published. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Finding, Trace } from '../../src/model/trace.ts';
import { corpusFile, overRecordings } from '../support/corpus.ts';
import { KATA_GO, KATA_RS, tracesOf } from '../support/ledger.ts';
import { needed } from './recording.ts';

const linesOf = (bytes: Buffer): string[] => bytes.toString('utf8').split('\n').filter((line) => line !== '');
const go = (name: string): string[] => linesOf(needed(`kata-go-4.0-real/${name}/journal.log`));
const rs = (name: string): string[] => linesOf(needed(`kata-rs-4.0-real/${name}/journal.json.log`));
const read = (lines: readonly string[]): readonly Trace[] => tracesOf(`${lines.join('\n')}\n`, { runtimes: [KATA_GO, KATA_RS], eager: false }).traces;
const found = (lines: readonly string[], id: string): Finding[] => read(lines).flatMap(({ findings }) => findings).filter((one) => one.id === id);

/** `said` as another line like this one, right behind it. */
const after = (lines: readonly string[], like: RegExp, said: (line: string) => string): string[] => {
  const at = lines.findIndex((line) => like.test(line));
  const line = lines[at];
  if (line === undefined) throw new Error(`no line like ${String(like)}`);
  return [...lines.slice(0, at + 1), said(line), ...lines.slice(at + 1)];
};
const entry = (message: string, more: Readonly<Record<string, string>> = {}) => (line: string): string => {
  const { STREAM_ID: _, ...fields }: Record<string, string> = JSON.parse(line);
  return JSON.stringify({ ...fields, ...more, MESSAGE: message });
};
const asked = /"MESSAGE":"try to connect to agent-log"/;
const refused = 'failed to connect agent-log, err: vsock: failed to connect to Vsock { vsock_cid: 3, port: 1025 }';

overRecordings('corpus/kata-go-4.0-real', () => {
  test('the agent serves and the host never reaches it: what was lost, and since when', () => {
    const [stalled] = found(go('fail-agent-timeout'), 'slow-dial');
    expect(stalled?.text).toMatch(/^agent: get ready took 46\.96 s \(99\.2 %\), 39\.7 s of it after "agent serves"$/);
    expect(Number(stalled?.loss)).toBeGreaterThan(39.6e9);
    expect(stalled?.evidence.map(({ line }) => /VM started|ttRPC server started|Cannot start VM/.exec(line)?.[0])).toEqual(['VM started', 'ttRPC server started', 'Cannot start VM']);
  });

  test('at the default level the same is only slow', () => {
    const [slow] = found(go('fail-agent-timeout').filter((line) => !line.includes('level=debug')), 'slow-dial');
    expect(slow?.text).toMatch(/^agent: get ready took 46\.96 s \(99\.2 %\); 20 s would be much$/);
  });

  test.each(['start-stop', 'par4', 'pod2', 'start-stop-info'])('%s: no stall where there was none', (name) => {
    expect(found(go(name), 'slow-dial')).toEqual([]);
  });

  test('a console line that is too long ends the guest\'s log', () => {
    const lines = after(go('start-stop'), /Sandbox is started/, (line) => line.replace(/level=info msg=.* name=/, 'level=error msg="Failed to read guest console logs" console-protocol=unix console-url=/run/vc/vm/x/console.sock error="bufio.Scanner: token too long" name='));
    const [lost, ...more] = found(lines, 'agent-log-lost');
    expect(more).toEqual([]);
    expect(lost?.evidence[0]?.line).toContain('token too long');
    expect(found(go('start-stop'), 'agent-log-lost')).toEqual([]);
  });

  test('Cloud Hypervisor\'s pings are named as normal where a start failed, and nowhere else', () => {
    const ping = (line: string): string => line.replace(/level=\S+ msg=.* name=/, 'level=warning msg="clh.VmmPingGet API call failed" error="Get \\"http://localhost/api/v1/vmm.ping\\": dial unix /run/vc/vm/x/clh-api.sock: connect: no such file or directory" name=').replace(/subsystem=\S+/, 'subsystem=cloudHypervisor');
    const [normal] = found(after(go('fail-agent-timeout'), /msg="Starting VM"/, ping), 'normal-warnings');
    expect(normal?.text).toMatch(/^one line is no part of the failure: "clh\.VmmPingGet API call failed"/);
    expect(found(after(go('start-stop'), /msg="Starting VM"/, ping), 'normal-warnings')).toEqual([]);
  });

  test('the debug level is found with what it costs, and not without it', () => {
    expect(found(go('start-stop'), 'debug-on').map(({ remedy }) => remedy)).toEqual([expect.stringContaining('0.25 s')]);
    expect(found(go('start-stop-info'), 'debug-on')).toEqual([]);
  });
});

overRecordings('corpus/kata-rs-4.0-real', () => {
  test('lines that runtime-rs dropped', () => {
    const lines = after(rs('start-stop'), /"MESSAGE":"update routes/, entry('slog-async: logger dropped messages due to channel overflow', { PRIORITY: '3', COUNT: '17' }));
    const [dropped, ...more] = found(lines, 'lines-dropped');
    expect(more).toEqual([]);
    expect(dropped?.evidence[0]?.line).toContain('"COUNT":"17"');
    expect(found(rs('start-stop'), 'lines-dropped')).toEqual([]);
  });

  test('the agent\'s log is lost where it was to be had, and only there', () => {
    const lost = (lines: readonly string[]): string[] => after(lines, asked, entry(refused, { PRIORITY: '4' }));
    expect(found(lost(rs('start-stop')), 'agent-log-lost')).toHaveLength(1);
    expect(found(lost(rs('start-stop-info')), 'agent-log-lost')).toEqual([]);
    expect(found(lost(rs('start-stop-info')), 'normal-warnings')).toEqual([]);
    const failing = rs('fail-cmd').filter((line) => !/vm console:|connected to agent-log/.test(line));
    expect(found(lost(failing), 'normal-warnings').map(({ text }) => text)).toEqual([expect.stringContaining('failed to connect agent-log')]);
  });

  test('slow where it was: four guests at once', () => {
    expect(found(rs('par4'), 'slow-dial').length).toBeGreaterThan(0);
    expect(found(rs('start-stop'), 'slow-dial')).toEqual([]);
  });
});

overRecordings('corpus/kata-2-to-4', () => {
  test('a guest of 2021 that never answered', () => {
    const lines = linesOf(readFileSync(corpusFile('kata-2-to-4/nixos-kata21-ctr-vsock-timeout.log')));
    expect(read(lines).map(({ findings }) => findings.map(({ id }) => id))).toEqual([expect.arrayContaining(['incomplete'])]);
  });
});
