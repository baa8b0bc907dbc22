import { readFileSync } from 'node:fs';
import process from 'node:process';
import type { Config } from '../config/config.ts';
import { DEFAULT_URL, probe, resolveEndpoint } from '../delivery/endpoint.ts';
import type { Endpoint } from '../delivery/endpoint.ts';
import { MILLISECOND } from '../model/time.ts';
import { EXIT, Stop } from './exit.ts';
import { harmless } from './problem.ts';

/** How long the default endpoint has to answer. */
const PROBE_MS = 500;

/**
 * Where to send by flag, environment and configuration; undefined: nobody said. Stops at what cannot be meant.
 * @param warn is told what was said and is not followed.
 */
export function chooseEndpoint(flag: string | undefined, config: Config, warn: (text: string) => void, url = config.otlp.endpoint): Endpoint | undefined {
  const { headers, timeout, compression, tls } = config.otlp;
  const resolution = resolveEndpoint({
    option: flag,
    configured: {
      ...(url !== undefined && { url }),
      headers,
      timeout: timeout / MILLISECOND,
      gzip: compression === 'gzip',
      ...(tls.ca !== undefined && { ca: tls.ca }),
      ...(tls.cert !== undefined && { cert: tls.cert }),
      ...(tls.key !== undefined && { key: tls.key }),
    },
    env: process.env,
    readFile: (path) => readFileSync(path),
  });
  if (resolution.kind !== 'problem') resolution.warnings.forEach(warn);
  switch (resolution.kind) {
    case 'endpoint':
      return resolution.endpoint;
    case 'unset':
      return undefined;
    case 'problem':
      throw new Stop(flag === undefined ? EXIT.config : EXIT.usage, resolution.text);
    default:
      return resolution satisfies never;
  }
}

/** The default endpoint, if something answers there. */
export async function defaultEndpoint(config: Config, warn: (text: string) => void): Promise<Endpoint | undefined> {
  return (await probe(DEFAULT_URL, PROBE_MS)) ? chooseEndpoint(undefined, config, warn, DEFAULT_URL) : undefined;
}

/** For commands that end: warnings go to standard error. */
export const warnOnStderr = (text: string): void => void process.stderr.write(`shimtrace: ${harmless(text)}\n`);
