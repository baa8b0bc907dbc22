/** Reading and folding alone: nothing printed, nothing sent. Peer in the same run: the arithmetic of a measuring script in CPython. */
import { closeSync, openSync, readSync } from 'node:fs';
import { built } from './support.ts';

const { Ledger, LEDGER_DEFAULTS }: typeof import('../../src/engine/ledger.ts') = await built('engine/ledger');
const { compile }: typeof import('../../src/engine/compile.ts') = await built('engine/compile');
const { nanos, steady }: typeof import('../../src/model/time.ts') = await built('model/time');
const { sourceKey }: typeof import('../../src/model/source.ts') = await built('model/source');

const [path = '', name = 'urunc', size = '65536'] = process.argv.slice(2);
const { runtime }: typeof import('../../src/runtimes/urunc.ts') = await built(`runtimes/${name}`);
const clock = { now: () => nanos(1_800_000_000_000_000_000n), steady: () => steady(0) };
const ledger = new Ledger([compile(runtime)], { ...LEDGER_DEFAULTS, hostId: 'bench' });
const source = ledger.begin({ key: sourceKey('bench'), name: 'bench', fresh: true, rank: 0 });
const fd = openSync(path, 'r');
const buffer = Buffer.alloc(Number(size));
let offset = 0, traces = 0, spans = 0;
const before = process.cpuUsage();
const settle = (): void => {
  for (const { trace } of ledger.settle(clock)) {
    traces++;
    spans += trace.spans.length;
    ledger.acknowledged(trace.id);
  }
};
for (let length = readSync(fd, buffer, 0, buffer.length, 0); length > 0; length = readSync(fd, buffer, 0, buffer.length, offset)) {
  offset += ledger.read(source, buffer, length, offset);
  settle();
}
ledger.end(source);
settle();
closeSync(fd);
const { user, system } = process.cpuUsage(before);
const lines = ledger.readings()[0]?.verdicts.lines ?? 0;
process.stdout.write(`${JSON.stringify({ lines, traces, spans, cpu: (user + system) / 1e6, peak: process.resourceUsage().maxRSS / 1024 })}\n`);
