import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Receiver } from '../support/receiver.ts';
import { Harness, parcel } from './harness.ts';

const openssl = spawnSync('openssl', ['version']).status === 0;

describe.skipIf(!openssl)('TLS (needs openssl)', () => {
  let folder = '';
  let receiver: Receiver;
  const file = (name: string): string => join(folder, name);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tls-'));
    const options = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost';
    execFileSync('openssl', ['req', ...options.split(' '), '-addext', 'subjectAltName=DNS:localhost', '-keyout', file('key'), '-out', file('cert')], { stdio: 'ignore' });
    receiver = await Receiver.start({ tls: { key: readFileSync(file('key')), cert: readFileSync(file('cert')) } });
  });
  afterAll(async () => {
    await receiver.stop();
    rmSync(folder, { recursive: true });
  });

  test('a back-end is trusted by the certificate given', async () => {
    await using harness = new Harness(`https://localhost:${receiver.port}`, {}, { OTEL_EXPORTER_OTLP_CERTIFICATE: file('cert') });
    harness.send(parcel(1));
    expect(await harness.exporter.flush(5_000)).toBe(true);
  });

  test('a back-end nobody vouches for is not, and the log says what to set', async () => {
    await using harness = new Harness(`https://localhost:${receiver.port}`, { random: () => 0 });
    harness.send(parcel(1));
    await harness.until(() => harness.has('endpoint_unreachable'));
    expect(harness.logged[0]?.text).toContain('OTEL_EXPORTER_OTLP_CERTIFICATE');
    expect(harness.fates.size).toBe(0);
  });

  test('https:// to a port in clear text says to write http://', async () => {
    const clear = await Receiver.start();
    {
      await using harness = new Harness(`https://localhost:${clear.port}`, { random: () => 0 });
      harness.send(parcel(1));
      await harness.until(() => harness.has('endpoint_unreachable') || harness.has('endpoint_refuses'));
      expect(harness.logged[0]?.text).toContain('http://');
    }
    await clear.stop();
  });
});
