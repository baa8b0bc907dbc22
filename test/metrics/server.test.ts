import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import { MetricsServer } from '../../src/metrics/server.ts';
import { until } from '../support/files.ts';

interface Open extends AsyncDisposable {
  readonly server: MetricsServer;
  readonly url: string;
}

async function open(unready: () => string[] = () => []): Promise<Open> {
  const server = new MetricsServer({ address: { host: '127.0.0.1', port: 0 }, metrics: (format) => `in ${format}\n`, unready, onProblem: ({ why }) => { throw new Error(why); } });
  server.open();
  await until(() => server.where !== undefined);
  return { server, url: `http://${server.where ?? ''}`, [Symbol.asyncDispose]: () => Promise.resolve(server.close()) };
}

describe('the daemon’s page', () => {
  test('metrics in the format that is asked for', async () => {
    await using page = await open();
    const text = await fetch(`${page.url}/metrics?x=y`);
    expect([text.status, text.headers.get('content-type'), await text.text()]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8', 'in text\n']);
    const metrics = await fetch(`${page.url}/metrics`, { headers: { accept: 'application/openmetrics-text; version=1.0.0' } });
    expect([metrics.headers.get('content-type'), await metrics.text()]).toEqual(['application/openmetrics-text; version=1.0.0; charset=utf-8', 'in openmetrics\n']);
  });

  test('well, and ready or not', async () => {
    const reasons: string[] = [];
    await using page = await open(() => reasons);
    const told = async (path: string): Promise<[number, string]> => {
      const answer = await fetch(page.url + path);
      return [answer.status, await answer.text()];
    };
    expect(await told('/healthz')).toEqual([200, 'ok\n']);
    expect(await told('/readyz')).toEqual([200, 'ready\n']);
    reasons.push('the state cannot be saved');
    expect(await told('/readyz')).toEqual([503, 'the state cannot be saved\n']);
    expect(await told('/healthz')).toEqual([200, 'ok\n']);
  });

  test.each([['GET', '/nothing', 404], ['GET', '/metrics/../x', 404], ['POST', '/metrics', 405], ['HEAD', '/metrics', 200], ['GET', '/', 200]] as const)('%s %s: %i', async (method, path, status) => {
    await using page = await open();
    expect((await fetch(page.url + path, { method })).status).toBe(status);
  });

  test('a port that is taken is told once, and nothing is thrown', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const told: string[] = [];
    const server = new MetricsServer({ address: { host: '127.0.0.1', port }, metrics: () => '', unready: () => [], onProblem: ({ where, code }) => void told.push(`${where} ${code}`) });
    server.open();
    await until(() => told.length > 0);
    expect(told).toEqual([`127.0.0.1:${port} EADDRINUSE`]);
    server.close();
    other.close();
  });
});
