/**
 * What a call's result means for the batch and for the endpoint. After the OTLP specification 1.9 (gRPC, "Failures"), with
 * one deliberate deviation: a code that says nothing about the data never loses data. Where the specification lets a
 * client drop, the batch is held and tried again slowly.
 */
import { status } from '@grpc/grpc-js';
import { readExportAnswer } from './answer.ts';
import type { CallResult } from './client.ts';

export type SendOutcome =
  /** Taken. `warning`: what the back-end remarked all the same. */
  | { readonly kind: 'acknowledged'; readonly warning: string | undefined }
  /** Taken but for `rejected` spans, which must not be sent again (it does not say which). */
  | { readonly kind: 'partial'; readonly rejected: number; readonly message: string }
  /** Not now. `after`: ms the back-end asks to wait. */
  | { readonly kind: 'retry'; readonly why: string; readonly advice: string; readonly after: number | undefined }
  /** The endpoint is set up wrongly, as far as we can see; somebody must mend it. */
  | { readonly kind: 'hold'; readonly why: string; readonly advice: string }
  /** Something in the batch, or its size, is not acceptable. */
  | { readonly kind: 'split'; readonly why: string };

/** Longest pause a back-end may ask for, in ms. */
const MAX_RETRY_DELAY = 300_000;

/** How servers word that a message is too large: grpc-go, grpc-js, grpc-java, Tempo, an HTTP proxy. */
const TOO_LARGE = /larger than (the )?max|exceeds (the )?(max|limit)|too[ _](large|big)|message size|HTTP status code[: ]*413/i;

/** What grpc-js reports when the peer speaks HTTP, but no gRPC. */
const NO_GRPC = /HTTP status code|content-type|Protocol error|ERR_HTTP2|Parse Error|Missing or invalid/i;

/** Pure. Every result has an outcome. */
export function classify(result: CallResult): SendOutcome {
  switch (result.kind) {
    case 'answer':
      return classifyAnswer(result.bytes);
    case 'deadline':
      return {
        kind: 'retry',
        why: `no answer within ${result.after / 1_000} s`,
        advice: 'The back-end accepts the connection but does not answer: look whether it is overloaded or hangs.',
        after: undefined,
      };
    case 'status':
      return classifyStatus(result.code, result.message, result.retryDelay);
    default:
      return result satisfies never;
  }
}

function classifyAnswer(bytes: Uint8Array): SendOutcome {
  const answer = readExportAnswer(bytes);
  if (answer === undefined) {
    return { kind: 'hold', why: 'the answer is no OTLP response', advice: 'Something else than an OTLP/gRPC receiver listens there.' };
  }
  if (answer.rejected > 0) return { kind: 'partial', rejected: answer.rejected, message: answer.message };
  return { kind: 'acknowledged', warning: answer.message === '' ? undefined : answer.message };
}

function classifyStatus(code: number, message: string, retryDelay: number | undefined): SendOutcome {
  const why = `${status[code] ?? `code ${code}`}: ${message}`;
  const after = retryDelay === undefined ? undefined : Math.min(retryDelay, MAX_RETRY_DELAY);
  const retry: SendOutcome = { kind: 'retry', why, advice: connectionAdvice(message), after };
  switch (code) {
    case status.INVALID_ARGUMENT:
      return { kind: 'split', why };
    case status.CANCELLED:
    case status.DEADLINE_EXCEEDED:
    case status.ABORTED:
    case status.OUT_OF_RANGE:
    case status.DATA_LOSS:
      return retry;
    case status.UNAVAILABLE:
      return NO_GRPC.test(message) && !/50[234]/.test(message) ? { kind: 'hold', why, advice: noGrpcAdvice(message) } : retry;
    case status.RESOURCE_EXHAUSTED:
      if (after !== undefined) return retry;
      break;
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
      return { kind: 'hold', why, advice: 'Check OTEL_EXPORTER_OTLP_HEADERS and otlp.headers (token, tenant) and the rights of that token.' };
    case status.UNIMPLEMENTED:
    case status.NOT_FOUND:
      return { kind: 'hold', why, advice: unimplementedAdvice(message) };
    default:
      break;
  }
  if (TOO_LARGE.test(message)) return { kind: 'split', why };
  if (NO_GRPC.test(message)) return { kind: 'hold', why, advice: noGrpcAdvice(message) };
  // INTERNAL and UNKNOWN are what a crash or a lost connection in the middle of a call looks like.
  if (code === status.INTERNAL || code === status.UNKNOWN) return retry;
  return { kind: 'hold', why, advice: "The back-end refuses for a reason of its own: see its log." };
}

function noGrpcAdvice(message: string): string {
  const seen = /HTTP status code[: ]*(\d+)/i.exec(message)?.[1];
  const what = seen === undefined ? 'HTTP/1 or another protocol' : `HTTP status ${seen}`;
  return `It answers with ${what}, not with gRPC: OTLP/gRPC usually listens on port 4317 (4318 is OTLP/HTTP, which shimtrace does not speak).`;
}

function unimplementedAdvice(message: string): string {
  if (/decompress|grpc-encoding|compression/i.test(message)) return 'It does not take gzip: set OTEL_EXPORTER_OTLP_COMPRESSION or otlp.compression to none.';
  if (NO_GRPC.test(message)) return noGrpcAdvice(message);
  return 'It speaks gRPC but has no OTLP trace service: switch the OTLP receiver on, or check the port.';
}

/** What to do about a connection that does not come about, by the words of Node and OpenSSL in grpc-js's message. */
function connectionAdvice(message: string): string {
  if (/ECONNREFUSED|ENOENT/.test(message)) return 'Nothing listens there: start the back-end, or correct the address (--otlp).';
  if (/ENOTFOUND|EAI_AGAIN|Name resolution|DNS/i.test(message)) return 'The host name cannot be resolved: correct the address (--otlp).';
  if (/wrong version number|packet length too long/i.test(message)) return 'It does not speak TLS there: write http:// instead of https://.';
  if (/certificate|CERT_|altnames|self.signed|unable to verify/i.test(message)) {
    return 'Its certificate is not trusted: set OTEL_EXPORTER_OTLP_CERTIFICATE or otlp.tls.ca to the file of the authority that signed it.';
  }
  if (/EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/.test(message)) return 'There is no way to that host: check network and firewall.';
  return 'shimtrace tries again by itself; nothing is lost meanwhile.';
}
