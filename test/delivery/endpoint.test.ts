import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { defaultConfig } from '../../src/config/config.ts';
import { probe, resolveEndpoint } from '../../src/delivery/endpoint.ts';
import { MILLISECOND } from '../../src/model/time.ts';
import { portOf } from '../support/receiver.ts';
import type { EndpointRequest, EndpointResolution } from '../../src/delivery/endpoint.ts';

const noFiles = (path: string): Buffer => {
  throw new Error(`ENOENT ${path}`);
};
const resolve = (over: Partial<EndpointRequest>): EndpointResolution => resolveEndpoint({ env: {}, readFile: noFiles, ...over });
const fromEnv = (env: Record<string, string>): EndpointResolution => resolve({ env });

describe('the address', () => {
  test.each([
    ['http://localhost:4317', 'localhost:4317', false],
    ['https://otlp.example:4317/', 'otlp.example:4317', true],
    ['HTTP://Host:80', 'host:80', false],
    ['http://host', 'host:4317', false],
    ['https://host', 'host:443', true],
    ['http://[::1]:4317', '[::1]:4317', false],
  ])('%s', (option, address, tls) => {
    const found = resolve({ option });
    expect(found).toMatchObject({ kind: 'endpoint', from: 'option', warnings: [], endpoint: { address, timeout: 10_000, gzip: false, headers: [] } });
    expect(found.kind === 'endpoint' && found.endpoint.tls !== undefined).toBe(tls);
  });

  test.each([
    ['localhost:4317', /no scheme/],
    ['ftp://host:1', /scheme ftp/],
    ['http://host:99999', /port/],
    ['http://host:0', /port 0/],
    ['http://host:x', /port/],
    ['http://', /no address/],
    ['http://u:p@host:1', /OTEL_EXPORTER_OTLP_HEADERS/],
    ['', /no scheme/],
  ])('%j is a problem that says what to write', (option, text) => {
    const found = resolve({ option });
    expect(found).toMatchObject({ kind: 'problem', text: expect.stringMatching(text) });
    expect(found).toMatchObject({ text: expect.stringContaining('Write http://HOST:PORT') });
    expect(found).toMatchObject({ text: expect.stringContaining('--otlp') });
  });

  test('comes from the option, else the environment, else the configuration', () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://env:1', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces:1' };
    expect(resolve({ option: 'http://o:1', env, configured: { url: 'http://c:1' } })).toMatchObject({ from: 'option', endpoint: { address: 'o:1' } });
    expect(resolve({ env, configured: { url: 'http://c:1' } })).toMatchObject({ from: 'environment', endpoint: { address: 'traces:1' } });
    expect(fromEnv({ OTEL_EXPORTER_OTLP_ENDPOINT: ' http://env:1 ', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: '' })).toMatchObject({ endpoint: { address: 'env:1' } });
    expect(resolve({ configured: { url: 'http://c:1' } })).toMatchObject({ from: 'config', endpoint: { address: 'c:1' } });
    expect(resolve({})).toEqual({ kind: 'unset', warnings: [] });
  });

  test('of a variable may go without a scheme; INSECURE says which', () => {
    expect(fromEnv({ OTEL_EXPORTER_OTLP_ENDPOINT: 'c:4317' })).toMatchObject({ endpoint: { url: 'https://c:4317' } });
    expect(fromEnv({ OTEL_EXPORTER_OTLP_ENDPOINT: 'c:4317', OTEL_EXPORTER_OTLP_INSECURE: ' TRUE' })).toMatchObject({ endpoint: { url: 'http://c:4317', tls: undefined } });
    expect(fromEnv({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c:4317', OTEL_EXPORTER_OTLP_INSECURE: 'true' })).toMatchObject({ endpoint: { url: 'https://c:4317' } });
  });

  test('that looks like OTLP/HTTP is warned of', () => {
    expect(fromEnv({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/v1/traces', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' })).toMatchObject({
      kind: 'endpoint',
      warnings: [expect.stringMatching(/http\/protobuf.*gRPC only/), expect.stringMatching(/path/), expect.stringMatching(/4318/)],
    });
    expect(fromEnv({ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc' })).toEqual({ kind: 'unset', warnings: [] });
  });
});

describe('the other settings', () => {
  const at = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:1' };

  test('headers are decoded and merged', () => {
    const env = { ...at, OTEL_EXPORTER_OTLP_HEADERS: 'A=1, b = x%20y ,', OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'a=2,c=a=b' };
    expect(fromEnv(env)).toMatchObject({ endpoint: { headers: [['a', '2'], ['b', 'x y'], ['c', 'a=b']] } });
  });

  test.each(['=x', 'a b=1', 'x-bin=1', 'grpc-timeout=1', 'a=%E0%A4%A', 'a=ü', 'lonely'])('a header %j is a problem that keeps the secret', (headers) => {
    const found = fromEnv({ ...at, OTEL_EXPORTER_OTLP_HEADERS: `${headers}hunter2` });
    expect(found).toMatchObject({ kind: 'problem', text: expect.stringContaining('OTEL_EXPORTER_OTLP_HEADERS') });
    expect(JSON.stringify(found)).not.toContain('hunter2');
  });

  test('timeout and compression', () => {
    expect(fromEnv({ ...at, OTEL_EXPORTER_OTLP_TIMEOUT: '2500', OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' })).toMatchObject({ warnings: [], endpoint: { timeout: 2_500, gzip: true } });
    expect(fromEnv({ ...at, OTEL_EXPORTER_OTLP_TIMEOUT: '-1', OTEL_EXPORTER_OTLP_COMPRESSION: 'lz4' })).toMatchObject({
      endpoint: { timeout: 10_000, gzip: false },
      warnings: [expect.stringContaining('lz4'), expect.stringContaining('-1')],
    });
  });

  test('certificates that cannot be used are problems, and only looked at for TLS', () => {
    const env = { ...at, OTEL_EXPORTER_OTLP_CERTIFICATE: '/no/ca.pem' };
    expect(fromEnv(env)).toMatchObject({ kind: 'endpoint' });
    const tls = { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c:1' };
    expect(fromEnv(tls)).toMatchObject({ kind: 'problem', text: expect.stringMatching(/CERTIFICATE.*\/no\/ca.pem/) });
    expect(resolve({ env: { ...tls, OTEL_EXPORTER_OTLP_CLIENT_KEY: '/k' }, readFile: () => Buffer.from('x') })).toMatchObject({ text: expect.stringContaining('go together') });
    const both = { ...tls, OTEL_EXPORTER_OTLP_CLIENT_KEY: '/k', OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: '/c' };
    expect(resolve({ env: both, readFile: () => Buffer.from('garbage') })).toMatchObject({ kind: 'problem', text: expect.stringContaining('PEM') });
  });
});

describe('the configuration speaks where the environment is silent', () => {
  const configured = { url: 'https://c:1', headers: [['a', '1'], ['b', '2']] as const, timeout: 2_000, gzip: true };

  test('for each setting alone', () => {
    expect(resolve({ configured })).toMatchObject({ from: 'config', warnings: [], endpoint: { address: 'c:1', headers: [['a', '1'], ['b', '2']], timeout: 2_000, gzip: true } });
    const env = { OTEL_EXPORTER_OTLP_HEADERS: 'B=3,c=4', OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '7', OTEL_EXPORTER_OTLP_COMPRESSION: 'none' };
    expect(resolve({ configured, env })).toMatchObject({ from: 'config', endpoint: { headers: [['a', '1'], ['b', '3'], ['c', '4']], timeout: 7, gzip: false } });
    expect(resolve({ option: 'http://o:1', configured })).toMatchObject({ from: 'option', endpoint: { address: 'o:1', timeout: 2_000, gzip: true } });
    const wrong = { OTEL_EXPORTER_OTLP_TIMEOUT: 'soon', OTEL_EXPORTER_OTLP_COMPRESSION: 'lz4' };
    expect(resolve({ configured, env: wrong })).toMatchObject({
      endpoint: { timeout: 2_000, gzip: true },
      warnings: [expect.stringMatching(/lz4.*with gzip/), expect.stringMatching(/soon.*2000/)],
    });
  });

  test('certificates: a problem names where the path was given', () => {
    const tls = { ...configured, ca: '/file/ca', cert: '/file/cert', key: '/file/key' };
    const read: string[] = [];
    const readFile = (path: string): Buffer => {
      read.push(path);
      return Buffer.from('garbage');
    };
    const env = { OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: '/env/key' };
    expect(resolve({ configured: tls, env, readFile })).toMatchObject({
      kind: 'problem', text: expect.stringMatching(/^otlp\.tls\.ca in the configuration, otlp\.tls\.cert in the configuration, OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: .*PEM/),
    });
    expect(read).toEqual(['/file/ca', '/env/key', '/file/cert']);
    expect(resolve({ configured: tls })).toMatchObject({ text: expect.stringMatching(/^otlp\.tls\.ca in the configuration: cannot read \/file\/ca/) });
    expect(resolve({ configured: { url: 'https://c:1', key: '/k' }, readFile })).toMatchObject({ text: expect.stringMatching(/^otlp\.tls\.key .*go together.*otlp\.tls\.cert/) });
    expect(resolve({ configured: { ...tls, url: 'http://c:1' } })).toMatchObject({ kind: 'endpoint', endpoint: { tls: undefined } });
  });

  test('a wrong address names it', () => {
    expect(resolve({ configured: { url: 'c:1' } })).toMatchObject({ text: expect.stringMatching(/^otlp\.endpoint in the configuration: .*no scheme/) });
    expect(fromEnv({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'ftp://x' })).toMatchObject({ text: expect.stringMatching(/^OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: /) });
  });

  test('the default of the configuration is the one here, so that it does not matter which is used', () => {
    const found = resolve({ option: 'http://o:1' });
    expect(found.kind === 'endpoint' && found.endpoint.timeout * MILLISECOND).toBe(defaultConfig.otlp.timeout);
  });
});

test('a probe tells whether somebody listens', async () => {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const port = portOf(server);
  expect(await probe(`http://localhost:${port}`, 2_000)).toBe(true);
  await new Promise((done) => server.close(done));
  expect(await probe(`http://127.0.0.1:${port}`, 2_000)).toBe(false);
  expect(await probe('nonsense', 2_000)).toBe(false);
});
