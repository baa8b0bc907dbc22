/** Where a log that was never seen before is begun. */
import { appendFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { now } from '../real/host.ts';
import { Random } from '../support/random.ts';
import { start, text } from '../support/uruncwriter.ts';
import { Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => { rig = await Rig.begin(); });
afterEach(() => rig.dispose());

const HOUR = 3_600_000_000_000n;

it('--from -1h: starts of the last hour arrive, older ones do not, nor does the rest of one that began before', async () => {
  const random = new Random(7);
  const past = (at: bigint, gap = 5_000_000): string => text(start(random, { generation: 'D', id: random.hex(64), at, gap }));
  // The last one is created before the hour begins and started in it.
  const old = `${past(now() - 3n * HOUR)}${past(now() - 2n * HOUR)}${past(now() - HOUR - 20_000_000_000n, 50_000_000_000)}`;
  appendFileSync(rig.at('a.log'), old, { mode: 0o644 });
  rig.write(rig.at('a.log'), 3);
  await rig.run([rig.at('*.log')], { args: ['--from', '-1h'] });
  await rig.arrived(10_000);
  appendFileSync(rig.at('b.log'), rig.starts(), { mode: 0o644 });
  await rig.arrived(10_000);
  await rig.stop();
  await rig.arrived(0);
  expect(rig.daemon.said).not.toContain('log_begins_inside');
});
