/** The least that can follow a file: watch it, read what came, find the line ends. A peer of the busy benchmark. */
import { openSync, readSync, watch } from 'node:fs';

const [path = ''] = process.argv.slice(2);
const buffer = Buffer.alloc(65_536);
const fd = openSync(path, 'r');
let at = 0;
let lines = 0;
watch(path, () => {
  const length = readSync(fd, buffer, 0, buffer.length, at);
  at += length;
  for (let end = buffer.indexOf(10); end >= 0 && end < length; end = buffer.indexOf(10, end + 1)) lines++;
});
process.stdin.on('end', () => process.exit(lines > 0 ? 0 : 1));
process.stdin.resume();
