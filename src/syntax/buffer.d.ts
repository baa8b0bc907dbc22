// Node's own fast paths of Buffer.toString('latin1', start, end) and its like, without its argument handling: public in practice
// (lib/buffer.js), missing in @types/node 24.
interface Buffer {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
}
