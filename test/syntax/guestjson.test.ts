/** Objects of the Rust agent inside a line of the Go shim. */
import { describe, expect, test } from 'vitest';
import type { Entry } from '../../src/model/entry.ts';
import { logrus } from '../../src/syntax/logrus.ts';

/** As Go's %q writes what stands in it. */
const quoted = (text: string): string => JSON.stringify(text);
const host = (console: string): Entry => {
  const line = Buffer.from(`Nov 20 23:23:45 h kata[7]: time="2026-11-20T23:23:45.5Z" level=debug msg="reading guest console" name=containerd-shim-v2 sandbox=s vmconsole=${quoted(console)}`);
  const entry = logrus.read(line, 0, line.length);
  if (typeof entry === 'string') throw new Error(entry);
  return entry;
};
const OBJECT = '{"msg":"rpc call from shim to agent: \\"check\\"","level":"INFO","ts":"2026-11-20T23:23:44.123456789Z","pid":"1","name":"kata-agent","subsystem":"rpc"}';

describe('an object on the guest\'s console', () => {
  test('gives its fields and its own time', () => {
    const entry = host(OBJECT);
    expect([entry.get('guest.msg'), entry.get('guest.subsystem'), entry.get('guest.pid'), entry.get('guest.console')]).toEqual(['rpc call from shim to agent: "check"', 'rpc', '1', undefined]);
    expect(entry.guest).toBe(1_795_217_024_123_456_789n);
    expect(entry.time).toBe(1_795_217_025_500_000_000n);
  });

  test.each([
    ['+00:00', 1_795_217_024_000_000_000n],
    ['+09:00', 1_795_184_624_000_000_000n],
  ])('with its zone as %s', (zone, time) => {
    expect(host(`{"msg":"x","ts":"2026-11-20T23:23:44${zone}"}`).guest).toBe(time);
  });

  test('is found where something else was mixed into its line, which stays console text', () => {
    const entry = host(`[    0.5] sd 0\u001b[0m: ${OBJECT}cloud-hypervisor: resuming`);
    expect(entry.get('guest.msg')).toBe('rpc call from shim to agent: "check"');
    expect(entry.get('guest.console')).toBe('[    0.5] sd 0: cloud-hypervisor: resuming');
    expect(entry.get('guest.kernel')).toBeUndefined();
  });

  test.each([
    ['a torn one', OBJECT.slice(0, -20)],
    ['one without a time', '{"msg":"x"}'],
    ['one of another century', '{"msg":"x","ts":"1926-11-20T23:23:44Z"}'],
    ['one that nests without end', `{"msg":${'['.repeat(50_000)}`],
  ])('%s is console text, and says that it was refused', (_, text) => {
    const entry = host(text);
    expect([entry.get('guest.msg'), entry.guest]).toEqual([undefined, undefined]);
    expect(entry.get('guest.refused')).toBeDefined();
    expect(entry.get('guest.console')).toBe(text);
  });

  test('cannot pass for the kernel, nor for what we say of a line', () => {
    const entry = host('{"msg":"x","ts":"2026-11-20T23:23:44Z","kernel":"0.1","console":"y","refused":"z","__proto__":"p"}');
    expect(['kernel', 'console', 'refused'].map((name) => entry.get(`guest.${name}`))).toEqual([undefined, undefined, undefined]);
    expect(entry.get('guest.__proto__')).toBe('p');
  });
});
