// Loaded before shimtrace (node --import): kills the process with SIGKILL at the DIE_AT'th call of a file system function on
// a path in DIE_IN, before it is done, or half way through a write. `DIE_AT=renameSync:2`.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import process from 'node:process';

const [name = '', times = '1'] = (process.env.DIE_AT ?? '').split(':');
const folder = process.env.DIE_IN ?? '';
const open = new Set();
const original = fs[name];
let left = Number(times);

const openSync = fs.openSync;
fs.openSync = (path, ...rest) => {
  const mine = String(path).startsWith(`${folder}/state.json`) || String(path) === folder;
  if (mine && name === 'openSync') count();
  const fd = openSync(path, ...rest);
  if (mine) open.add(fd);
  return fd;
};
const closeSync = fs.closeSync;
fs.closeSync = (fd) => {
  open.delete(fd);
  return closeSync(fd);
};
if (name !== 'openSync') {
  fs[name] = (first, ...rest) => {
    const mine = typeof first === 'number' ? open.has(first) : ['state', 'notes'].some((file) => String(first).startsWith(`${folder}/${file}`));
    if (mine) count(() => name === 'writeSync' && original(first, rest[0].subarray(0, rest[0].length / 2)));
    return original(first, ...rest);
  };
}
syncBuiltinESMExports();

function count(last) {
  left -= 1;
  if (left > 0) return;
  last?.();
  process.kill(process.pid, 'SIGKILL');
}
