/**
 * A command that tells lines: `node teller.mjs SCRIPT`. It follows the script and tells each of its lines once, however often it is started, as
 * events are told: how far it came stands in SCRIPT.at, written before the line is told. Lines that begin with `!` are orders.
 */
import { existsSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { spawn } from 'node:child_process';
import process from 'node:process';

const [, , script = ''] = process.argv;
const sleep = new Int32Array(new SharedArrayBuffer(4));
const pause = (ms) => void Atomics.wait(sleep, 0, 0, ms);

/** The pipe may be full: it is waited for. */
function tell(bytes) {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      if (error.code === 'EPIPE') process.exit(0);
      if (error.code !== 'EAGAIN') throw error;
      pause(1);
    }
  }
}

const ORDERS = {
  /** Bytes as they are, in base64. */
  raw: (text) => tell(Buffer.from(text, 'base64')),
  flood: (count) => tell(Buffer.from(Array.from({ length: Number(count) }, (_, at) => `line ${at} ${'x'.repeat(40)}\n`).join(''))),
  say: (text) => process.stderr.write(`${text}\n`),
  exit: (code) => process.exit(Number(code)),
  hang: () => pause(1e9),
  /** Ends, and leaves somebody behind who holds its output. */
  leave: () => {
    const child = spawn('sleep', ['1000'], { stdio: ['ignore', 'inherit', 'ignore'] });
    writeFileSync(`${script}.left`, String(child.pid));
    process.exit(3);
  },
};

// Whoever listened is gone: what is told from now on is for the next.
const parent = process.ppid;
writeFileSync(`${script}.pid`, String(process.pid));

for (let at = existsSync(`${script}.at`) ? Number(readFileSync(`${script}.at`, 'utf8')) : 0; ; ) {
  const text = readFileSync(script, 'latin1');
  const end = text.lastIndexOf('\n') + 1;
  for (let next = text.indexOf('\n', at) + 1; next > 0 && next <= end; next = text.indexOf('\n', at) + 1) {
    const line = text.slice(at, next);
    at = next;
    writeFileSync(`${script}.at`, String(at));
    const [, order = '', rest = ''] = /^!(\w+) ?(.*)\n$/.exec(line) ?? [];
    if (order in ORDERS) ORDERS[order](rest);
    else tell(Buffer.from(line, 'latin1'));
  }
  pause(5);
  if (process.ppid !== parent) process.exit(0);
}
