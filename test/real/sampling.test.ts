/** otel-collector.yaml with its one switch for sampling on: what is kept, and what is not. */
import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StartOptions } from '../support/uruncwriter.ts';
import { Collector } from './collector.ts';
import { send, spansOf, writeLog } from './imported.ts';
import type { Log } from './imported.ts';
import { Jaeger } from './jaeger.ts';
import { until } from './program.ts';
import { lacks } from './server.ts';

const missing = lacks('jaeger', 'otelcol');
/** The ids of traces, and so the share that is kept, are the same on each run. */
const BEGAN = 1_795_216_803_000_000_001n;
const SLOW = { gap: 1_100_000_000 };
const quick = (count: number): Pick<StartOptions, 'gap'>[] => Array.from({ length: count }, (_, index) => ({ gap: 3_000_000 + index }));

describe.skipIf(missing !== undefined)(`sampling by otel-collector.yaml${missing === undefined ? '' : ` [${missing}]`}`, { timeout: 60_000 }, () => {
  const used = new AsyncDisposableStack();
  let folder = '';
  let jaeger: Jaeger;

  beforeAll(async () => {
    folder = used.use(mkdtempDisposableSync(join(tmpdir(), 'shimtrace-sampling-'))).path;
    jaeger = used.use(await Jaeger.start());
  }, 60_000);

  afterAll(() => used.disposeAsync());

  const collect = (share: string): Promise<Collector> => Collector.start({ JAEGER_OTLP: jaeger.address, SAMPLING: '[tail_sampling]', SHARE_PERCENT: share });

  const came = async (trace: string): Promise<boolean> => (await jaeger.trace(trace)).length > 0;

  /**
   * Which starts of a log are kept. A slow one that is sent after them comes when all before it are decided; those may still be
   * on their way, as the queue sends several at once: `enough` says when that can no longer be.
   */
  async function kept(collector: Collector, log: Log, enough: (found: readonly string[]) => boolean): Promise<string[]> {
    send(log, collector.otlp);
    const [last = ''] = log.traces;
    const after = writeLog(folder, Number.parseInt(last.slice(0, 8), 16), BEGAN, [SLOW]);
    send(after, collector.otlp);
    await until(20_000, () => came(after.traces[0] ?? ''), () => `the last start never came; ${collector.server.said}`);
    let found: string[] = [];
    await until(20_000, async () => {
      found = [];
      for (const trace of log.traces) if (await came(trace)) found.push(trace);
      return enough(found);
    }, () => `only ${found.length} came; ${collector.server.said}`);
    return found;
  }

  test('slow and failed starts are kept whole, of the others none when no share is asked for', async () => {
    await using collector = await collect('0');
    const log = writeLog(folder, 1, BEGAN, [SLOW, { fate: 'failed' }, ...quick(20), { fate: 'killed' }, SLOW]);
    const [slow, failed] = log.traces;
    expect(await kept(collector, log, (found) => found.length >= 4)).toEqual([slow, failed, ...log.traces.slice(-2)]);
    const expected = spansOf(log);
    for (const trace of [slow, failed, ...log.traces.slice(-2)]) expect(await jaeger.trace(trace ?? '')).toEqual(expected.get(trace ?? ''));
  });

  test('a share of the others is kept, whole', async () => {
    await using collector = await collect('25');
    const log = writeLog(folder, 2, BEGAN, quick(60));
    const found = await kept(collector, log, ({ length }) => length >= 8);
    expect(found.length).toBeLessThanOrEqual(24);
    const expected = spansOf(log);
    for (const trace of found) expect(await jaeger.trace(trace)).toEqual(expected.get(trace));
  });

  test('a Collector that is told to stop decides first, and sends what it keeps when it is back', async () => {
    await using collector = await collect('0');
    const log = writeLog(folder, 3, BEGAN, [SLOW, SLOW, SLOW]);
    send(log, collector.otlp);
    await collector.server.stop('SIGTERM');
    await collector.server.start();
    for (const trace of log.traces) await until(15_000, () => came(trace), () => `${trace} never came; ${collector.server.said}`);
  });
});
