/** Credentials that expire and come back, and certificates that are renewed in their files, need no restart. */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Harness, parcel } from '../delivery/harness.ts';
import { hexId } from '../delivery/traces.ts';
import { Folder } from '../support/files.ts';
import { Receiver, status } from '../support/receiver.ts';

const openssl = spawnSync('openssl', ['version']).status === 0;
const folder = new Folder();

/** A certificate that signed itself, for `localhost`, in `<name>.key` and `<name>.cert`. */
function make(name: string): void {
  const options = `-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=${name}`;
  execFileSync('openssl', ['req', ...options.split(' '), '-addext', 'subjectAltName=DNS:localhost', '-keyout', folder.at(`${name}.key`), '-out', folder.at(`${name}.cert`)], { stdio: 'ignore' });
}

const pair = (name: string): { key: Buffer; cert: Buffer } => ({ key: readFileSync(folder.at(`${name}.key`)), cert: readFileSync(folder.at(`${name}.cert`)) });

/** As those who renew do it: whole, by renaming. */
function install(from: string, to: string): void {
  copyFileSync(folder.at(from), folder.at(`${to}.new`));
  renameSync(folder.at(`${to}.new`), folder.at(to));
}

describe.skipIf(!openssl)('B7: certificates renewed while it runs (needs openssl)', () => {
  beforeAll(() => ['old', 'new', 'client-old', 'client-new'].forEach(make));
  afterAll(() => folder.dispose());

  test('the back-end has another certificate, and the file of the authority follows', async () => {
    install('old.cert', 'ca');
    const before = await Receiver.start({ tls: pair('old') });
    const { port } = before;
    await using harness = new Harness(`https://localhost:${port}`, { random: () => 0 }, { OTEL_EXPORTER_OTLP_CERTIFICATE: folder.at('ca') });
    harness.send(parcel(1));
    expect(await harness.exporter.flush(5_000)).toBe(true);
    await before.stop();
    const after = await Receiver.start({ port, tls: pair('new') });
    try {
      harness.send(parcel(2));
      await harness.until(() => harness.has('endpoint_unreachable'));
      expect(harness.fates.size).toBe(1);
      install('new.cert', 'ca');
      await harness.until(() => harness.fates.size === 2);
      expect(harness.fates.get(hexId(2, 32))).toEqual({ kind: 'acknowledged' });
    } finally {
      await after.stop();
    }
  });

  test('our own is no longer taken, and its files are replaced one after the other', async () => {
    install('client-old.cert', 'cert');
    install('client-old.key', 'key');
    const env = {
      OTEL_EXPORTER_OTLP_CERTIFICATE: folder.at('old.cert'),
      OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: folder.at('cert'), OTEL_EXPORTER_OTLP_CLIENT_KEY: folder.at('key'),
    };
    const before = await Receiver.start({ tls: pair('old'), clientCa: pair('client-old').cert });
    const { port } = before;
    await using harness = new Harness(`https://localhost:${port}`, { random: () => 0 }, env);
    harness.send(parcel(1));
    expect(await harness.exporter.flush(5_000)).toBe(true);
    await before.stop();
    const after = await Receiver.start({ port, tls: pair('old'), clientCa: pair('client-new').cert });
    try {
      harness.send(parcel(2));
      await harness.until(() => harness.has('endpoint_unreachable'));
      // A key that does not fit its certificate, and half a file: neither is used, neither ends anything.
      install('client-new.key', 'key');
      writeFileSync(folder.at('cert'), pair('client-new').cert.subarray(0, 200));
      const { attempts } = harness.exporter.stats;
      await harness.until(() => harness.exporter.stats.attempts >= attempts + 3);
      expect(harness.fates.size).toBe(1);
      install('client-new.cert', 'cert');
      await harness.until(() => harness.fates.size === 2);
      expect(harness.fates.get(hexId(2, 32))).toEqual({ kind: 'acknowledged' });
    } finally {
      await after.stop();
    }
  });
});

test.each([
  ['UNAUTHENTICATED', status.UNAUTHENTICATED], ['PERMISSION_DENIED', status.PERMISSION_DENIED],
  ['NOT_FOUND', status.NOT_FOUND], ['UNIMPLEMENTED', status.UNIMPLEMENTED],
])('B7: %s, for as many attempts as hours would bring, and then no more: all is delivered, with one alarm', async (_, code) => {
  let refused = true;
  const receiver = await Receiver.start({ script: () => (refused ? { kind: 'status', code, message: 'expired' } : { kind: 'ok' }) });
  await using harness = new Harness(receiver.url, { random: () => 0 });
  for (let n = 1; n <= 20; n++) {
    harness.send(parcel(n));
    await receiver.until(() => receiver.requests.length >= n);
  }
  expect(harness.fates.size).toBe(0);
  refused = false;
  await harness.until(() => harness.fates.size === 20);
  expect([...harness.fates.values()].every(({ kind }) => kind === 'acknowledged')).toBe(true);
  expect(harness.logged.map(({ level, event }) => `${level} ${event}`)).toEqual(['error endpoint_refuses', 'info endpoint_reachable']);
  expect(harness.letters).toEqual([]);
  await receiver.stop();
});
