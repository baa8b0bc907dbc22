import { expect, test } from 'vitest';
import { killServers } from './killservers.ts';
import { lacks } from './server.ts';

const missing = lacks('jaeger', 'otelcol', 'tempo');
const ROUNDS = Number(process.env['ROUNDS'] ?? 25);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

test.skipIf(missing !== undefined)(`killed ${ROUNDS} times, with the Collector and Jaeger killed in between: nothing missing${missing === undefined ? '' : ` [${missing}]`}`, { timeout: 180_000 + ROUNDS * 6_000 }, async () => {
  const report = await killServers(SEED, ROUNDS);
  console.log(JSON.stringify(report));
  expect(report.broken, `SEED=${SEED}`).toEqual([]);
  expect(report.inJaeger).toBeGreaterThan(0);
});
