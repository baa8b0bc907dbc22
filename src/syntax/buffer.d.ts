// Node's own fast path of Buffer.toString('latin1', start, end), without its argument handling: public in practice
// (lib/buffer.js), missing in @types/node 24.
interface Buffer {
  latin1Slice(start: number, end: number): string;
}
