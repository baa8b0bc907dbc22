/**
 * Reads the two small protobuf messages a back-end answers with: ExportTraceServiceResponse (opentelemetry-proto 1.9,
 * collector/trace/v1) and google.rpc.Status with a RetryInfo in it (googleapis, google/rpc/error_details.proto).
 */
import { fieldsOf, lastBytes, lastNumber } from './fields.ts';

/** `rejected` spans of the request were not taken and never will be; zero with a message is a mere warning. */
export interface ExportAnswer {
  readonly rejected: number;
  readonly message: string;
}

/** What the back-end says in an answer with status OK. Undefined: this is no ExportTraceServiceResponse. */
export function readExportAnswer(bytes: Uint8Array): ExportAnswer | undefined {
  const response = fieldsOf(bytes);
  if (response === undefined) return undefined;
  const partial = lastBytes(response, 1);
  if (partial === undefined) return { rejected: 0, message: '' };
  const inner = fieldsOf(partial);
  if (inner === undefined) return undefined;
  const message = lastBytes(inner, 2);
  return {
    rejected: Math.max(0, Number(BigInt.asIntN(64, lastNumber(inner, 1)))),
    message: message === undefined ? '' : Buffer.from(message).toString('utf8'),
  };
}

/**
 * The pause a back-end asks for, in ms, from the value of `grpc-status-details-bin`.
 * Undefined: no RetryInfo in it, or not readable.
 */
export function readRetryDelay(status: Uint8Array): number | undefined {
  for (const detail of fieldsOf(status) ?? []) {
    if (detail.number !== 3 || typeof detail.value === 'bigint') continue;
    const any = fieldsOf(detail.value);
    const type = any === undefined ? undefined : lastBytes(any, 1);
    if (any === undefined || type === undefined) continue;
    if (!Buffer.from(type).toString('latin1').endsWith('google.rpc.RetryInfo')) continue;
    const info = fieldsOf(lastBytes(any, 2) ?? new Uint8Array());
    const length = info === undefined ? undefined : fieldsOf(lastBytes(info, 1) ?? new Uint8Array());
    if (length === undefined) continue;
    const seconds = BigInt.asIntN(64, lastNumber(length, 1));
    const rest = BigInt.asIntN(32, lastNumber(length, 2));
    return Math.max(0, Number(seconds) * 1_000 + Number(rest) / 1_000_000);
  }
  return undefined;
}
