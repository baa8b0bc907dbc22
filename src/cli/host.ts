import { createHmac, hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { arch, hostname } from 'node:os';
import type { Attributes } from '../model/trace.ts';

/** Separates our ids from those that other programs make of the machine id (man machine-id: never send it as it is). */
const APPLICATION = 'shimtrace/host/1';

export interface Host {
  /** Goes into every trace id. */
  readonly id: string;
  /** On every resource, identical: Jaeger compares host.id between spans before it believes their clocks. */
  readonly attributes: Attributes;
  /** For people: why the id may not last; undefined: it does. */
  readonly warning: string | undefined;
}

/**
 * @param chosen the id from flag, environment or configuration; wins.
 * @param resource further attributes of the user's (configuration, OTEL_RESOURCE_ATTRIBUTES); they win over ours.
 */
export function describeHost(chosen: string | undefined, resource: Attributes): Host {
  const { id, warning } = chosen === undefined ? ownId() : { id: chosen, warning: undefined };
  const attributes = new Map<string, Attributes[number][1]>([
    ['host.arch', arch() === 'x64' ? 'amd64' : arch()],
    ['host.id', id],
    ['host.name', hostname()],
    ['os.type', 'linux'],
    ...resource,
  ]);
  return { id, attributes: [...attributes].sort(([a], [b]) => (a < b ? -1 : 1)), warning };
}

function ownId(): { id: string; warning: string | undefined } {
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    const machine = readId(path);
    if (machine !== undefined) return { id: createHmac('sha256', machine).update(APPLICATION).digest('hex').slice(0, 32), warning: undefined };
  }
  return {
    id: hash('sha256', `${APPLICATION}\0${hostname()}`, 'hex').slice(0, 32),
    warning: 'There is no /etc/machine-id: the host id is made from the host name and changes with it. Set --host-id to keep trace ids stable.',
  };
}

function readId(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return /^[0-9a-f]{32}$/.test(text) ? text : undefined;
  } catch {
    return undefined; // absent in many containers; the caller has another way and says so
  }
}

/** `name=value,name=value`, values percent-encoded (OpenTelemetry specification, OTEL_RESOURCE_ATTRIBUTES). */
export function environmentResource(text: string | undefined): Attributes {
  const attributes: [string, string][] = [];
  for (const part of (text ?? '').split(',')) {
    const equals = part.indexOf('=');
    const name = part.slice(0, Math.max(equals, 0)).trim();
    if (name !== '' && name !== 'service.name') attributes.push([name, decode(part.slice(equals + 1).trim())]);
  }
  return attributes;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // not encoded, as many write it
  }
}
