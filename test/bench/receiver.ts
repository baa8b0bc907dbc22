/**
 * A receiver that acknowledges and counts, for benchmarks: prints its URL, answers `count` on standard input.
 * Arguments: `stamp` or `count` (traces, by their root spans), and a port.
 */
import { traceIdsOf } from '../support/otlp.ts';
import { Server, ServerCredentials } from '@grpc/grpc-js';

let requests = 0;
let bytes = 0;
let traces = 0;

/** The name of a root span as it stands in the request: field 5, its length, its text. */
const ROOT_NAME = Buffer.concat([Buffer.from([0x2a, 15]), Buffer.from('container start')]);

function rootsIn(request: Buffer): number {
  let roots = 0;
  for (let at = request.indexOf(ROOT_NAME); at >= 0; at = request.indexOf(ROOT_NAME, at + 1)) roots++;
  return roots;
}

/** A line with the time of arrival for every trace (the bare peer sends none, and gets one line a request). */
function stamp(request: Buffer): void {
  const now = performance.timeOrigin + performance.now();
  const traces = request[0] === 0 ? 1 : traceIdsOf(request).length;
  process.stdout.write(`${now}\n`.repeat(traces));
}

const server = new Server({ 'grpc.max_receive_message_length': 64 * 1024 * 1024 });
server.addService(
  {
    Export: {
      path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      requestStream: false,
      responseStream: false,
      requestSerialize: (value: Buffer) => value,
      requestDeserialize: (value: Buffer) => value,
      responseSerialize: (value: Buffer) => value,
      responseDeserialize: (value: Buffer) => value,
    },
  },
  {
    Export: (call: { request: Buffer }, answer: (error: null, value: Buffer) => void) => {
      requests++;
      bytes += call.request.length;
      if (process.argv[2] === 'stamp') stamp(call.request);
      if (process.argv[2] === 'count') traces += rootsIn(call.request);
      answer(null, Buffer.alloc(0));
    },
  },
);
server.bindAsync(`127.0.0.1:${process.argv[3] ?? 0}`, ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`http://127.0.0.1:${port}\n`);
});
process.stdin.on('data', (command) => {
  if (String(command).startsWith('count')) process.stdout.write(`${requests} ${bytes} ${traces}\n`);
});
process.stdin.on('end', () => process.exit(0));
