#!/usr/bin/env node
import process from 'node:process';

const NEEDED = [24, 15] as const;

/** Commands that read logs hold little but make much: settings of V8 decide between 150 and 350 MB (test/bench). */
const FRUGAL = ['--max-semi-space-size=2', '--max-old-space-size=144'];
/** Who stays for long holds 20 MiB less for a tenth more time; who reads a log once would rather be done. */
const READING = new Map([['import', FRUGAL], ['run', [...FRUGAL, '--optimize-for-size']]]);
/** And three of glibc's: one arena for all threads, and large buffers that go back to the system when they are free (mallopt(3)). */
const RETURNED = { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '65536', MALLOC_TRIM_THRESHOLD_: '1048576' };

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1])) {
  process.stderr.write(
    `shimtrace needs Node ${NEEDED.join('.')} or later; this is ${process.versions.node} for ${process.platform} ${process.arch}.\n` +
      (process.arch === 'x64' && process.platform === 'linux'
        ? 'From a checkout, "npm ci" brings the right one: run "npx shimtrace ...".\n'
        : 'On this platform npm does not bring one: install Node 24 and run it with that.\n'),
  );
  process.exit(69);
}

const flags = READING.get(process.argv[2] ?? '');
if (flags?.every((flag) => process.execArgv.includes(flag)) === false && process.execve !== undefined) {
  // The settings are read when V8 starts, so the process becomes itself once more: same pid, 25 ms.
  process.execve(process.execPath, [process.execPath, ...flags, ...process.execArgv, ...process.argv.slice(1)], { ...RETURNED, ...process.env });
}

const { main } = await import('./cli.ts');
await main(process.argv);
