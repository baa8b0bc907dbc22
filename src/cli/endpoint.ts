import { readFileSync } from 'node:fs';
import process from 'node:process';
import type { Config } from '../config/config.ts';
import { DEFAULT_URL, probe, resolveEndpoint } from '../delivery/endpoint.ts';
import type { Endpoint } from '../delivery/endpoint.ts';
import { MILLISECOND } from '../model/time.ts';
import { EXIT, Stop } from './exit.ts';

/** How long the default endpoint has to answer. */
const PROBE_MS = 500;

export interface Chosen {
  readonly endpoint: Endpoint;
  readonly warnings: readonly string[];
}

/** Where to send by flag, environment and configuration; undefined: nobody said. Stops at what cannot be meant. */
export function chooseEndpoint(flag: string | undefined, config: Config, url = config.otlp.endpoint): Chosen | undefined {
  const { headers, timeout, compression, tls } = config.otlp;
  const resolution = resolveEndpoint({
    option: flag,
    configured: {
      ...(url !== undefined && { url }),
      headers,
      timeout: timeout === undefined ? undefined : timeout / MILLISECOND,
      gzip: compression === 'gzip',
      ...(tls.ca !== undefined && { ca: tls.ca }),
      ...(tls.cert !== undefined && { cert: tls.cert }),
      ...(tls.key !== undefined && { key: tls.key }),
    },
    env: process.env,
    readFile: (path) => readFileSync(path),
  });
  switch (resolution.kind) {
    case 'endpoint':
      return { endpoint: resolution.endpoint, warnings: resolution.warnings };
    case 'unset':
      return undefined;
    case 'problem':
      throw new Stop(flag === undefined ? EXIT.config : EXIT.usage, resolution.text);
    default:
      return resolution satisfies never;
  }
}

/** The default endpoint, if something answers there. */
export async function defaultEndpoint(config: Config): Promise<Chosen | undefined> {
  return (await probe(DEFAULT_URL, PROBE_MS)) ? chooseEndpoint(undefined, config, DEFAULT_URL) : undefined;
}
