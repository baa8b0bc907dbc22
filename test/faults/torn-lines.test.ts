/** Writers that write their lines in pieces, into one another, or never to the end. */
import { appendFileSync, mkdirSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Random } from '../support/random.ts';
import { Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => { rig = await Rig.begin(); });
afterEach(() => rig.dispose());

/** What two writes leave that went into each other, and one that was cut. */
const TORN = ['{"containerID":"f00d","timestam', '{"containerID":"f00{"containerID":"d00d","timestampID":"TS0', 'pID":"TS01","time":17}', '0","time":1}}'];

it('L4: torn and interleaved lines are refused and said, each by itself; their neighbours arrive', async () => {
  const random = new Random(11);
  mkdirSync(rig.at('logs'));
  await rig.run([rig.at('logs/*.log')]);
  let lines = '';
  for (const line of rig.starts(5).trim().split('\n')) {
    lines += `${line}\n`;
    if (random.chance(0.2)) lines += `${TORN[random.whole(0, TORN.length - 1)] ?? ''}\n`;
  }
  for (let from = 0; from < lines.length;) {
    const to = from + random.whole(1, 400);
    appendFileSync(rig.at('logs/a.log'), lines.slice(from, to), { mode: 0o644 });
    from = to;
  }
  await rig.arrived(10_000);
  expect(rig.daemon.said).toContain('line_refused');
});

it('L1: half a line, a restart, a kill, and then its other half: one line', async () => {
  const text = rig.starts(2);
  const log = rig.at('a.log');
  const cuts = [0.3, 0.6, 0.8, 1].map((share) => Math.floor(text.length * share));
  appendFileSync(log, rig.starts(1), { mode: 0o644 });
  for (const [at, cut] of cuts.entries()) {
    appendFileSync(log, text.slice(cuts[at - 1] ?? 0, cut));
    await rig.run([log]);
    if (at % 2 === 0) await rig.stop();
    else await rig.daemon.kill();
  }
  await rig.run([log]);
  await rig.arrived(10_000);
});
