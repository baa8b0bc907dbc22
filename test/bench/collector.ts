import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ROOT, usage } from './support.ts';

/** Where `npm run test:servers` puts it. It is a peer where it is there. */
const BINARY = join(process.env['SHIMTRACE_SERVERS'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'shimtrace-servers'), 'otelcol');

/** CPU seconds of the Collector for reading and parsing all lines of a log, start included; undefined: there is none here. */
export async function collectorSeconds(path: string, lines: number): Promise<number | undefined> {
  if (!existsSync(BINARY)) return undefined;
  const port = await freePort();
  const env = { ...process.env, INPUT: path, METRICS_PORT: String(port), GOMAXPROCS: '2' };
  const child = spawn(BINARY, ['--config', join(ROOT, 'test/bench/collector.yaml')], { env, stdio: 'ignore' });
  const { pid } = child;
  if (pid === undefined) return undefined;
  try {
    for (let tries = 0; tries < 600; tries++) {
      await pause(100);
      if ((await accepted(port)) >= lines) return usage(pid).cpu;
    }
    throw new Error('the Collector did not read everything in a minute');
  } finally {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}

async function accepted(port: number): Promise<number> {
  try {
    const page = await (await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(2_000) })).text();
    return Number(/^otelcol_receiver_accepted_log_records(?:_total)?(?:\{[^\n]*\})? (\S+)$/m.exec(page)?.[1] ?? 0);
  } catch {
    return 0; // not up yet
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
