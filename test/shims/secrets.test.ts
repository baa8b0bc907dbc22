/** What prints environments, arguments and configuration is counted and kept nowhere, whatever else claims the line. */
import { expect, test } from 'vitest';
import { compile } from '../../src/engine/compile.ts';
import type { Runtime } from '../../src/model/runtime.ts';
import { runtime } from '../../src/runtimes/kata-go.ts';
import { KATA_GO, bytesOf, tracesOf } from '../support/ledger.ts';

const ID = 'a1'.repeat(32);
const line = (at: string, level: string, msg: string, rest = ''): string =>
  `Nov 20 23:23:45 testhost kata[4966]: time="2026-11-20T23:23:${at}Z" level=${level} msg="${msg}" name=containerd-shim-v2 pid=4966 sandbox=${ID} source=virtcontainers${rest}\n`;
const agent = (at: string, msg: string): string =>
  line(at, 'debug', 'reading guest console', ` vmconsole=${JSON.stringify(JSON.stringify({ msg, level: 'INFO', ts: `2026-11-20T23:23:${at}Z`, name: 'kata-agent', subsystem: 'rpc', pid: '1' }))}`);

const SECRETS = [
  'receive createcontainer, spec: Spec { env: ["TOKEN=hunter2"] }', 'receive createcontainer, storages: [hunter2]', 'process command: ["login", "hunter2"]',
  'announce', 'Initdata hunter2', 'Setting Agent Policy with hunter2',
];

const LOG = [
  line('45.100', 'info', 'loaded configuration'),
  line('45.200', 'info', 'Starting VM', ' subsystem=sandbox'),
  line('46.000', 'info', 'VM started'),
  ...SECRETS.map((msg, index) => agent(`46.1${index}1`, msg)),
  agent('46.200', 'rpc call from shim to agent: "create_container"'),
  agent('46.300', 'created container!'),
  line('46.400', 'info', 'Sandbox is started'),
].join('');

test('a secret is in no trace and in no example of a line', () => {
  const { traces, verdicts, ledger } = tracesOf(LOG, { runtimes: [KATA_GO] });
  expect(traces.map(({ outcome }) => outcome)).toEqual(['ok']);
  expect(traces.map(bytesOf).join('')).not.toContain('hunter2');
  expect([...ledger.readings()].flatMap((reading) => reading.verdicts.examples)).toEqual([]);
  const counted = Object.entries(verdicts.ignored).filter(([name]) => name.startsWith('secret: ')).reduce((sum, [, count]) => sum + count, 0);
  expect(counted).toBe(SECRETS.length);
});

test('it is one also where a mark claims the line with more conditions', () => {
  const greedy: Runtime = {
    ...runtime,
    sources: runtime.sources.map((source) => ({
      ...source,
      secret: { 'secret: all of the agent': { 'guest.name': '{name}' } },
    })),
  };
  const { traces, verdicts } = tracesOf(LOG, { runtimes: [compile(greedy)] });
  expect(verdicts.ignored['secret: all of the agent']).toBe(SECRETS.length + 2);
  expect(traces.flatMap(({ spans }) => spans).filter(({ service }) => service === 'kata-agent')).toEqual([]);
});
