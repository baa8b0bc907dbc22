/** Sinks that misbehave: real servers, real programs. */
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { createServer as createSocket } from 'node:net';
import type { Server, Socket } from 'node:net';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { Delivery } from '../../src/alerts/delivery.ts';
import { noticeOf } from '../../src/alerts/notice.ts';
import { sinkOf } from '../../src/alerts/sinks.ts';
import { Folder, until } from '../support/files.ts';
import { occasion, slowStart, words } from './parts.ts';

const notice = noticeOf(occasion(), words);
const never = new AbortController().signal;

async function listening<T extends Server>(server: T): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

async function posted(answer: RequestListener, limit = 5_000): Promise<Delivery> {
  const server = createServer(answer);
  const url = await listening(server);
  try {
    return await sinkOf({ name: 'w', kind: 'webhook', url: `${url}/hook?a=b`, headers: [['authorization', 'Bearer x']] }, () => undefined, limit)(notice, never);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

const answers = (status: number, body = '', headers: Record<string, string> = {}): RequestListener => (request, response) => {
  request.resume().on('end', () => response.writeHead(status, headers).end(body));
};

describe('webhook', () => {
  test('gets the JSON, with its headers', async () => {
    let got = '';
    const delivery = await posted((request, response) => {
      expect([request.method, request.url, request.headers['content-type'], request.headers.authorization]).toEqual(['POST', '/hook?a=b', 'application/json', 'Bearer x']);
      request.setEncoding('utf8').on('data', (chunk: string) => (got += chunk)).on('end', () => response.writeHead(204).end());
    });
    expect(delivery).toEqual({ kind: 'delivered' });
    expect(got).toBe(notice.json);
  });

  test.each([
    [answers(200, 'x'.repeat(1_000_000)), { kind: 'delivered' }],
    [answers(500, 'oops\nmore'), { kind: 'failed', why: 'it answers 500: oops' }],
    [answers(503, '', { 'retry-after': '7' }), { kind: 'failed', why: 'it answers 503', after: 7_000 }],
    [answers(429, '', { 'retry-after': '999999' }), { kind: 'failed', why: 'it answers 429', after: 300_000 }],
    [answers(400, 'bad '.repeat(200)), { kind: 'refused', why: `it answers 400: ${'bad '.repeat(50)}` }],
    [answers(301, '', { location: 'http://127.0.0.1:1/elsewhere' }), { kind: 'refused', why: 'it answers 301 and points to http://127.0.0.1:1/elsewhere; redirects are not followed: write the address it points to' }],
  ] as const)('answer %#', async (answer, delivery) => {
    expect(await posted(answer)).toEqual(delivery);
  });

  test('hangs', async () => {
    expect(await posted(() => undefined, 200)).toEqual({ kind: 'failed', why: 'no answer within 0.2 s' });
  });

  test('answers without end', async () => {
    expect(await posted((_, response) => {
      const more = (): void => {
        while (response.write('x'.repeat(1_000)));
        response.once('drain', more);
      };
      more();
    })).toEqual({ kind: 'delivered' });
  });

  test('answers and then hangs: the status is what counts', async () => {
    expect(await posted((_, response) => void response.writeHead(200).write('x'), 300)).toEqual({ kind: 'delivered' });
  });

  test('hangs up, or speaks something else', async () => {
    for (const act of [(socket: Socket) => socket.destroy(), (socket: Socket) => void socket.end('SSH-2.0-x\r\n')]) {
      const server = createSocket((socket) => {
        socket.on('error', () => undefined);
        act(socket);
      });
      const url = await listening(server);
      expect((await sinkOf({ name: 'w', kind: 'webhook', url, headers: [] }, () => undefined, 2_000)(notice, never)).kind).toBe('failed');
      server.close();
    }
  });

  test('is not there', async () => {
    const server = createServer();
    const url = await listening(server);
    await once(server.close(), 'close');
    const delivery = await sinkOf({ name: 'w', kind: 'webhook', url, headers: [] }, () => undefined, 2_000)(notice, never);
    expect(delivery).toMatchObject({ kind: 'failed', why: expect.stringContaining('ECONNREFUSED') });
  });
});

test('Alertmanager gets an array of one alert at its API', async () => {
  let got = '';
  const server = createServer((request, response) => {
    expect(request.url).toBe('/base/api/v2/alerts');
    request.setEncoding('utf8').on('data', (chunk: string) => (got += chunk)).on('end', () => response.end());
  });
  const url = await listening(server);
  expect(await sinkOf({ name: 'am', kind: 'alertmanager', url: `${url}/base/`, headers: [] }, () => undefined)(notice, never)).toEqual({ kind: 'delivered' });
  expect(JSON.parse(got)).toMatchObject([{ labels: { alertname: 'ContainerStartSlowly' } }]);
  server.close();
});

test('the journal gets fields', async () => {
  const lines: object[] = [];
  expect(await sinkOf({ name: 'j', kind: 'journal' }, (fields) => void lines.push(fields))(notice, never)).toEqual({ kind: 'delivered' });
  expect(lines).toMatchObject([{ text: `urunc container ${'c'.repeat(12)}: start took 2s, the limit is 1s. http://jaeger/trace/${'0'.repeat(29)}abc`, took_ns: 2e9, phase: 'total', held_back: 0 }]);
});

describe('command', () => {
  const run = async (script: string, args: readonly string[] = [], limit = 5_000, told = notice): Promise<{ readonly delivery: Delivery; readonly folder: Folder }> => {
    const folder = new Folder();
    const path = folder.write('program', `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    return { delivery: await sinkOf({ name: 'c', kind: 'command', argv: [path, folder.path, ...args] }, () => undefined, limit)(told, never), folder };
  };

  test('gets its arguments as they are, the JSON on its input, and little of our surroundings', async () => {
    process.env['SHIMTRACE_TEST_SECRET'] = 'hush';
    const evil = noticeOf(occasion({ trace: slowStart(2_000, { container: '$(touch "$1/pwned")', containers: [] }) }), words);
    const { delivery, folder } = await run('cat > "$1/in"; shift; printf "%s|" "$@" > "$1/../args" 2> /dev/null || printf "%s|" "$@" > args; env > /dev/null; test -z "$SHIMTRACE_TEST_SECRET"', [], 5_000, evil);
    expect(delivery).toEqual({ kind: 'delivered' });
    expect(readFileSync(folder.at('in'), 'utf8')).toBe(`${evil.json}\n`);
    expect(existsSync(folder.at('pwned'))).toBe(false);
    folder.dispose();
  });

  test.each([
    ['echo it is closed >&2; exit 3', { kind: 'failed', why: 'it ended with 3: it is closed' }],
    ['exec 0<&-; exit 0', { kind: 'delivered' }],
    ['kill -9 $$', { kind: 'failed', why: 'it ended with SIGKILL' }],
    ['head -c 3000000 /dev/zero | tr "\\0" x; exit 1', { kind: 'failed', why: `it ended with 1: ${'x'.repeat(200)}` }],
  ] as const)('%s', async (script, expected) => {
    const { delivery, folder } = await run(script);
    expect(delivery).toEqual(expected);
    folder.dispose();
  });

  test('hangs with a child of its own: both are gone', async () => {
    const { delivery, folder } = await run('sleep 600 & echo $! > "$1/pid"; wait', [], 300);
    expect(delivery).toEqual({ kind: 'failed', why: 'it ran longer than 0.3 s and was killed' });
    const pid = Number(readFileSync(folder.at('pid'), 'utf8'));
    await until(() => !existsSync(`/proc/${pid}`) || /State:\s+Z/.test(readFileSync(`/proc/${pid}/status`, 'utf8')));
    folder.dispose();
  });

  test('is not there, or is no program', async () => {
    const folder = new Folder();
    const at = async (path: string): Promise<Delivery['kind']> => (await sinkOf({ name: 'c', kind: 'command', argv: [path] }, () => undefined)(notice, never)).kind;
    expect(await at(folder.at('absent'))).toBe('refused');
    expect(await at(folder.write('text', 'x'))).toBe('refused');
    folder.dispose();
  });
});
