import { defineConfig } from 'vitest/config';

/** Suites that need more than the everyday machine or minute: `vitest run --mode real`. */
const APART = ['real', 'faults', 'host', 'bench'];
/** All of test/real but the short kill-and-rotate run, which needs no server. */
const EVERYDAY = '!(kill-short).test.ts';

export default defineConfig(({ mode }) => ({
  test: {
    // Properties take seconds on a busy machine; what hangs still ends.
    testTimeout: 30_000,
    maxWorkers: 2,
    ...(APART.includes(mode)
      ? { include: [`test/${mode}/**/*.test.ts`] }
      : { include: ['test/**/*.test.ts'], exclude: APART.map((suite) => `test/${suite}/${suite === 'real' ? EVERYDAY : '**'}`) }),
  },
}));
