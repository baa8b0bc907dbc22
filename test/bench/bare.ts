/** The least that could do it: watch one file, read what came, send one fixed request. The peer of the live benchmark. */
import { closeSync, fstatSync, openSync, readSync, watch } from 'node:fs';
import { Client, credentials } from '@grpc/grpc-js';

const [path = '', url = ''] = process.argv.slice(2);
const client = new Client(url.replace('http://', ''), credentials.createInsecure());
const request = Buffer.alloc(12_000);
const buffer = Buffer.alloc(65_536);
const fd = openSync(path, 'r');
let at = fstatSync(fd).size;
const identity = (value: Buffer): Buffer => value;
watch(path, () => {
  const length = readSync(fd, buffer, 0, buffer.length, at);
  if (length === 0) return;
  at += length;
  client.makeUnaryRequest('/opentelemetry.proto.collector.trace.v1.TraceService/Export', identity, identity, request, () => undefined);
});
process.stdout.write('ready\n');
process.stdin.on('end', () => {
  closeSync(fd);
  process.exit(0);
});
process.stdin.resume();
