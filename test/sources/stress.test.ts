import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { Bench, until } from '../support/files.ts';

/** Writes numbered lines in torn pieces, rotates by rename, goes on writing to the rotated file for a while. */
const WRITER = `
const fs = require('node:fs');
const [folder, lines, keep] = [process.argv[1], Number(process.argv[2]), Number(process.argv[3])];
const at = (n) => folder + '/a.log' + (n === 0 ? '' : '.' + n);
let fd = fs.openSync(at(0), 'a', 0o644), old;
const write = (to, n) => { const text = 'line ' + n + ' ' + 'x'.repeat(n % 50) + '\\n'; const cut = n % 3 ? text.length : n % text.length; fs.writeSync(to, text.slice(0, cut)); fs.writeSync(to, text.slice(cut)); };
for (let n = 0; n < lines; n++) {
  if (n % 500 === 499) {
    if (old !== undefined) fs.closeSync(old);
    for (let k = keep; k >= 0; k--) if (fs.existsSync(at(k))) k === keep ? fs.unlinkSync(at(k)) : fs.renameSync(at(k), at(k + 1));
    old = fd;
    fd = fs.openSync(at(0), 'a', 0o644);
  }
  write(old !== undefined && n % 500 < 20 ? old : fd, n);
  if (n % 100 === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
}`;

it.each(['a.log', 'a.log*'])('a fast writer with rotations, late writes and restarts of ours: every line once (%s)', async (glob) => {
  const bench = new Bench();
  const total = 30_000;
  const start = (): void => bench.start([glob], { options: { sweepMs: 200, busySweepMs: 50, graceMs: 500 } });
  try {
    // The file must have been seen once at its path: what is rotated away before that belongs to nothing.
    bench.folder.write('a.log', 'first\n');
    start();
    await bench.expectLines(['first']);
    const writer = spawn(process.execPath, ['-e', WRITER, bench.folder.path, String(total), '60'], { stdio: ['ignore', 'ignore', 'inherit'] });
    for (let restart = 1; restart <= 3; restart++) {
      const share = restart * total / 5;
      await until(() => bench.lines.length >= share || writer.exitCode !== null);
      await bench.stop();
      start();
    }
    await until(() => writer.exitCode === 0);
    await until(() => bench.lines.length > total, () => ({ lines: bench.lines.length, events: bench.journal.entries.slice(-60) }));
    const numbers = bench.lines.slice(1).map((line) => Number(/^line (\d+) x*$/.exec(line)?.[1] ?? -1)).sort((a, b) => a - b);
    expect(numbers.findIndex((number, index) => number !== index)).toBe(-1);
    expect(bench.follower.counters['lost']).toBe(0);
  } finally {
    await bench.dispose();
  }
}, 20_000);
