/** Loaded into a measured Node process: tells its own CPU seconds and peak memory (getrusage) behind a NUL as it exits. */
import { writeSync } from 'node:fs';

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  writeSync(2, `\0${(userCPUTime + systemCPUTime) / 1e6} ${maxRSS / 1024}\n`);
});
