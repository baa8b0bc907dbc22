/**
 * Where to send, and how: the one place where option, environment and configuration meet. The OTEL_EXPORTER_OTLP_*
 * variables are read here, and nowhere else, and not by convertLegacyOtlpGrpcOptions of
 * otlp-grpc-exporter-base 0.301, because that one reads only process.env, throws at a malformed address, goes on with the
 * system's authorities when a certificate file cannot be read (a warning on a channel nobody listens to), and accepts any
 * scheme as clear text. Names and precedence: OpenTelemetry specification, protocol/exporter.
 */
import { connect } from 'node:net';
import { createSecureContext } from 'node:tls';

/** PEM; what is missing comes from the system. */
export interface Tls {
  readonly ca?: Buffer;
  readonly key?: Buffer;
  readonly cert?: Buffer;
}

export interface Endpoint {
  /** For people, and the scheme tells TLS: `http://localhost:4317`. */
  readonly url: string;
  /** `host:port`, as gRPC takes it. */
  readonly address: string;
  /** Undefined: clear text. */
  readonly tls: Tls | undefined;
  /** What stands in the certificate files now; undefined: nothing that can be used (half of a renewal, say). */
  readonly renewed?: () => Tls | undefined;
  /** gRPC metadata of every call; names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly gzip: boolean;
  /** Deadline of one attempt in ms. */
  readonly timeout: number;
}

export type EndpointResolution =
  | { readonly kind: 'endpoint'; readonly endpoint: Endpoint; readonly from: 'option' | 'environment' | 'config'; readonly warnings: readonly string[] }
  /** Nobody said where. The caller may try DEFAULT_URL (see probe). */
  | { readonly kind: 'unset'; readonly warnings: readonly string[] }
  /** What, where, why and what to do, in one text. */
  | { readonly kind: 'problem'; readonly text: string };

export interface EndpointRequest {
  /** From the command line; wins. */
  readonly option?: string | undefined;
  /** From the configuration file; used where the environment says nothing. */
  readonly configured?: ConfiguredEndpoint | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a certificate file; may throw. */
  readonly readFile: (path: string) => Buffer;
}

/** What a configuration file may say, read and checked by whoever knows its form. */
export interface ConfiguredEndpoint {
  readonly url?: string | undefined;
  /** Names in lower case. Variables add to these and replace those of the same name. */
  readonly headers?: readonly (readonly [name: string, value: string])[] | undefined;
  /** In ms. */
  readonly timeout?: number | undefined;
  readonly gzip?: boolean | undefined;
  /** Paths of PEM files. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** Tried when nothing is configured. */
export const DEFAULT_URL = 'http://localhost:4317';
const DEFAULT_TIMEOUT = 10_000;
const DEFAULT_PORT = '4317';

/** Address by the first of option, environment, configuration; each other setting by the first of environment, configuration, default. */
export function resolveEndpoint(request: EndpointRequest): EndpointResolution {
  const { env, readFile, configured = {} } = request;
  const variable: Variable = (name) => variableOf(env, name);
  const warnings: string[] = [];
  const protocol = variable('PROTOCOL');
  if (protocol !== undefined && protocol.value !== 'grpc') {
    warnings.push(`${protocol.from} is ${protocol.value}, but shimtrace speaks OTLP/gRPC only: point it at a gRPC port (usually 4317).`);
  }
  const choice = chooseUrl(request, variable);
  if (choice === undefined) return { kind: 'unset', warnings };
  const target = parseUrl(choice.url, choice.source, warnings);
  if (typeof target === 'string') return { kind: 'problem', text: target };
  try {
    const tls = target.url.startsWith('https:') ? readTls(variable, configured, readFile) : undefined;
    const endpoint: Endpoint = {
      ...target,
      tls,
      ...(tls !== undefined && Object.keys(tls).length > 0 && { renewed: () => readAgain(variable, configured, readFile) }),
      headers: mergeHeaders(configured.headers ?? [], env),
      gzip: parseCompression(variable('COMPRESSION'), configured.gzip ?? false, warnings),
      timeout: parseTimeout(variable('TIMEOUT'), configured.timeout ?? DEFAULT_TIMEOUT, warnings),
    };
    return { kind: 'endpoint', endpoint, from: choice.from, warnings };
  } catch (error) {
    if (error instanceof BadSetting) return { kind: 'problem', text: error.message };
    throw error;
  }
}

/** Whether something accepts a TCP connection at `url` within `timeout` ms. False for a malformed address, too. */
export function probe(url: string, timeout: number): Promise<boolean> {
  const target = parseUrl(url, 'address', []);
  if (typeof target === 'string') return Promise.resolve(false);
  const colon = target.address.lastIndexOf(':');
  const host = target.address.slice(0, colon).replace(/^\[|\]$/g, '');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(target.address.slice(colon + 1)) });
    const settle = (answers: boolean) => (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answers);
    };
    const timer = setTimeout(settle(false), timeout);
    socket.once('connect', settle(true));
    socket.once('error', settle(false));
  });
}

/** A setting nobody can work with; never leaves this file. */
class BadSetting extends Error {}

/** A setting's text and what it stands in, for messages. */
interface Said {
  readonly value: string;
  readonly from: string;
}

type Variable = (name: string) => Said | undefined;

/** The TRACES_ variant wins; an empty variable is the same as none (specification, "Parsing empty value"). */
function variableOf(env: EndpointRequest['env'], name: string): Said | undefined {
  for (const from of [`OTEL_EXPORTER_OTLP_TRACES_${name}`, `OTEL_EXPORTER_OTLP_${name}`]) {
    const value = env[from]?.trim();
    if (value !== undefined && value !== '') return { value, from };
  }
  return undefined;
}

function chooseUrl(request: EndpointRequest, variable: Variable): { url: string; source: string; from: 'option' | 'environment' | 'config' } | undefined {
  if (request.option !== undefined) return { url: request.option, source: '--otlp', from: 'option' };
  const given = variable('ENDPOINT');
  if (given !== undefined) {
    // Only the variables may go without a scheme; INSECURE exists for just that case.
    const insecure = variable('INSECURE')?.value.toLowerCase() === 'true';
    const url = /^[\w+.-]+:\/\//.test(given.value) ? given.value : `${insecure ? 'http' : 'https'}://${given.value}`;
    return { url, source: given.from, from: 'environment' };
  }
  const url = request.configured?.url;
  return url === undefined ? undefined : { url, source: 'otlp.endpoint in the configuration', from: 'config' };
}

/** Address and normal form, or the text of a problem. */
function parseUrl(given: string, source: string, warnings: string[]): { url: string; address: string } | string {
  const text = given.trim();
  const wrong = (why: string): string => `${source}: ${JSON.stringify(given)} ${why}. Write http://HOST:PORT (clear text) or https://HOST:PORT (TLS).`;
  const scheme = /^([\w+.-]+):\/\//.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return wrong('has no scheme');
  if (scheme !== 'http' && scheme !== 'https') return wrong(`has the scheme ${scheme}, which shimtrace does not speak`);
  if (!URL.canParse(text)) return wrong('is no address (is the port a number from 1 to 65535?)');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return wrong('holds a user or password; send credentials with OTEL_EXPORTER_OTLP_HEADERS or otlp.headers');
  const port = portOf(text, url, scheme);
  if (port === '0') return wrong('has port 0');
  if (url.pathname !== '/' || url.search !== '') warnings.push(`${source}: the path of ${given} is ignored: gRPC has one of its own.`);
  if (port === '4318') warnings.push(`${source}: 4318 is usually the port of OTLP/HTTP; OTLP/gRPC usually listens on 4317.`);
  return { url: `${scheme}://${url.hostname}:${port}`, address: `${url.hostname}:${port}` };
}

/** URL hides a port that is the scheme's own. Without one: TLS means 443, as gRPC does; clear text means OTLP's 4317. */
function portOf(text: string, url: URL, scheme: 'http' | 'https'): string {
  if (url.port !== '') return url.port;
  if (scheme === 'https') return '443';
  return /^[^/]*\/\/[^/?#]*:80(?![0-9])/.test(text) ? '80' : DEFAULT_PORT;
}

/** `name=value,name=value`, percent-encoded (W3C baggage); the TRACES_ variant adds to and overrides the general one. */
function mergeHeaders(configured: NonNullable<ConfiguredEndpoint['headers']>, env: EndpointRequest['env']): [string, string][] {
  const headers = new Map<string, string>(configured);
  for (const key of ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS']) {
    for (const piece of (env[key] ?? '').split(',')) {
      if (piece.trim() === '') continue;
      const [name, value] = parseHeader(piece, key);
      headers.set(name, value);
    }
  }
  return [...headers];
}

function parseHeader(piece: string, key: string): [string, string] {
  const equals = piece.indexOf('=');
  const name = piece.slice(0, equals).trim().toLowerCase();
  // The value may be a secret, so no message repeats it.
  const wrong = (why: string): BadSetting => new BadSetting(`${key}: ${why}. Write name=value,name=value with special characters percent-encoded.`);
  if (equals < 1) throw wrong('an entry has no name=');
  // Names that begin with grpc- are gRPC's own, those that end with -bin hold bytes.
  if (!/^[0-9a-z_.-]+$/.test(name) || name.startsWith('grpc-') || name.endsWith('-bin')) throw wrong(`${JSON.stringify(name)} is no header name that can be sent`);
  const value = decodePercent(piece.slice(equals + 1).split(';')[0]?.trim() ?? '');
  if (value === undefined || !/^[ -~]*$/.test(value)) throw wrong(`the value of ${name} is not printable ASCII`);
  return [name, value];
}

function decodePercent(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // malformed escapes; the caller names the header
  }
}

function parseCompression(said: Said | undefined, otherwise: boolean, warnings: string[]): boolean {
  if (said === undefined) return otherwise;
  if (said.value === 'gzip' || said.value === 'none') return said.value === 'gzip';
  warnings.push(`${said.from}: ${said.value} is not known (gzip or none); sending ${otherwise ? 'with gzip' : 'uncompressed'}.`);
  return otherwise;
}

function parseTimeout(said: Said | undefined, otherwise: number, warnings: string[]): number {
  if (said === undefined) return otherwise;
  const ms = Number(said.value);
  // 2^31 - 1 ms is the longest timer there is.
  if (Number.isFinite(ms) && ms > 0 && ms < 2 ** 31) return ms;
  warnings.push(`${said.from}: ${said.value} is no positive number of milliseconds; using ${otherwise}.`);
  return otherwise;
}

/** A certificate or key, and the setting that named its file. */
interface Pem {
  readonly bytes: Buffer;
  readonly from: string;
}

/** Certificates are renewed in their files while we run. */
function readAgain(variable: Variable, configured: ConfiguredEndpoint, readFile: EndpointRequest['readFile']): Tls | undefined {
  try {
    return readTls(variable, configured, readFile);
  } catch (error) {
    if (error instanceof BadSetting) return undefined; // asked again at the next failure
    throw error;
  }
}

function readTls(variable: Variable, configured: ConfiguredEndpoint, readFile: EndpointRequest['readFile']): Tls {
  const read = (name: string, path: 'ca' | 'cert' | 'key'): Pem | undefined => {
    const value = configured[path];
    return readPem(variable(name) ?? (value === undefined ? undefined : { value, from: `otlp.tls.${path} in the configuration` }), readFile);
  };
  const ca = read('CERTIFICATE', 'ca');
  const key = read('CLIENT_KEY', 'key');
  const cert = read('CLIENT_CERTIFICATE', 'cert');
  if (key === undefined && cert !== undefined) throw halfPair(cert, 'key, by OTEL_EXPORTER_OTLP_CLIENT_KEY or otlp.tls.key');
  if (cert === undefined && key !== undefined) throw halfPair(key, 'certificate, by OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE or otlp.tls.cert');
  const tls = { ...(ca && { ca: ca.bytes }), ...(key && { key: key.bytes }), ...(cert && { cert: cert.bytes }) };
  try {
    createSecureContext(tls);
  } catch (error) {
    const from = [ca, cert, key].flatMap((pem) => (pem === undefined ? [] : [pem.from])).join(', ');
    throw new BadSetting(`${from}: cannot be used for TLS: ${String(error)}. PEM is expected, and key and certificate must belong together.`);
  }
  return tls;
}

const halfPair = (given: Pem, other: string): BadSetting => new BadSetting(`${given.from}: client certificate and key go together. Name the ${other}, too.`);

function readPem(said: Said | undefined, readFile: EndpointRequest['readFile']): Pem | undefined {
  if (said === undefined) return undefined;
  try {
    return { bytes: readFile(said.value), from: said.from };
  } catch (error) {
    throw new BadSetting(`${said.from}: cannot read ${said.value}: ${String(error)}. Correct the path, or let shimtrace read the file.`);
  }
}
