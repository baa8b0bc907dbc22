import { expect, test } from 'vitest';
import { duration, nanos } from '../../src/model/time.ts';
import type { Trace } from '../../src/model/trace.ts';
import { brief } from '../../src/engine/render/line.ts';
import { StoreHistory } from '../../src/store/history.ts';
import { Store } from '../../src/store/store.ts';
import { slowStart } from '../alerts/parts.ts';
import { Folder, Journal } from '../support/files.ts';
import { nameOf } from './traces.ts';

const NOW = nanos(1_795_216_445_000_000_000n);
const DAY = duration(86_400e9);
const ms = (value: number): Trace['active'] => duration(value * 1e6);

test('percentiles of what came up within the window, of the whole and of each phase', () => {
  const folder = new Folder();
  const path = folder.at('starts.db');
  const store = new Store({ path, keep: duration(30 * 86_400e9), max: 1e9, host: [], brief, nameOf, log: new Journal().log, now: () => NOW });
  let id = 0;
  const add = (active: number, more: Partial<Trace> = {}, age = 3_600): void => {
    store.add({ live: true, trace: slowStart(active, { id: (++id).toString(16).padStart(32, '0'), at: nanos(NOW - BigInt(age) * 1_000_000_000n), ...more }) });
  };
  for (let at = 1; at <= 100; at++) add(at * 10);
  add(99_999, { outcome: 'incomplete', errorType: 'incomplete' });
  add(99_999, { episode: 'stop' });
  add(99_999, { runtime: 'kata-1' });
  add(99_999, {}, 2 * 86_400);
  store.flush();
  let steady = 0;
  const history = new StoreHistory({ path, now: () => NOW, steady: () => steady });
  expect(history.percentile({ runtime: 'urunc', rootLayer: 'runtime' }, 'total', 95, DAY)).toEqual({ value: ms(950), samples: 100 });
  expect(history.percentile({ runtime: 'urunc', rootLayer: 'runtime' }, 'total', 0.1, DAY)).toEqual({ value: ms(10), samples: 100 });
  expect(history.percentile({ runtime: 'urunc', rootLayer: 'runtime' }, 'create: wait', 50, DAY)).toEqual({ value: ms(300), samples: 100 });
  expect(history.percentile({ runtime: 'urunc', rootLayer: 'runtime' }, 'total', 99.9, duration(3 * 86_400e9))).toEqual({ value: ms(99_999), samples: 101 });
  expect(history.percentile({ runtime: 'urunc', rootLayer: 'runtime' }, 'no such phase', 50, DAY)).toBeUndefined();
  expect(history.percentile({ runtime: 'runsc', rootLayer: 'runtime' }, 'total', 50, DAY)).toBeUndefined();
  // Seen from containerd a start is longer: another kind.
  expect(history.percentile({ runtime: 'urunc', rootLayer: 'cri' }, 'total', 50, DAY)).toBeUndefined();
  add(20_000);
  store.flush();
  expect(history.percentile({ runtime: 'urunc', rootLayer: 'runtime' }, 'total', 99.9, DAY)?.samples).toBe(100);
  steady = 60_000;
  expect(history.percentile({ runtime: 'urunc', rootLayer: 'runtime' }, 'total', 99.9, DAY)).toEqual({ value: ms(20_000), samples: 101 });
  store.close();
  expect(new StoreHistory({ path: folder.at('absent.db'), now: () => NOW, steady: () => 0 }).percentile({ runtime: 'urunc', rootLayer: 'runtime' }, 'total', 50, DAY)).toBeUndefined();
  folder.write('broken.db', 'no database'.repeat(1_000));
  expect(new StoreHistory({ path: folder.at('broken.db'), now: () => NOW, steady: () => 0 }).percentile({ runtime: 'urunc', rootLayer: 'runtime' }, 'total', 50, DAY)).toBeUndefined();
  folder.dispose();
});
