import { describe, expect, test } from 'vitest';
import type { Delivery } from '../../src/alerts/delivery.ts';
import { noticeOf } from '../../src/alerts/notice.ts';
import type { Notice } from '../../src/alerts/notice.ts';
import { SinkQueue } from '../../src/alerts/queue.ts';
import type { SinkQueueOptions } from '../../src/alerts/queue.ts';
import { Journal, until } from '../support/files.ts';
import { occasion, words } from './parts.ts';

const notices = Array.from({ length: 20 }, (_, at): Notice => noticeOf(occasion({ heldBack: at }), words));
const all = (queue: SinkQueue): Record<string, number> => ({ ...queue.delivered, ...queue.lost });
const FAILED: Delivery = { kind: 'failed', why: 'it answers 500' };

class Sink {
  readonly got: number[] = [];
  readonly journal = new Journal();
  now = 0;
  state: Delivery | 'hangs' = { kind: 'delivered' };
  readonly queue: SinkQueue;

  constructor(more: Partial<SinkQueueOptions> = {}) {
    this.queue = new SinkQueue({
      name: 's', log: this.journal.log, steady: () => this.now, pause: () => 1,
      deliver: (notice, signal) => {
        if (this.state === 'hangs') return new Promise((resolve) => signal.addEventListener('abort', () => resolve(FAILED)));
        if (this.state.kind === 'delivered') this.got.push(notice.heldBack);
        return Promise.resolve(this.state);
      },
      ...more,
    });
  }

  offer(count: number): void {
    for (const notice of notices.slice(0, count)) this.queue.offer(notice);
  }
}

describe('what waits for a sink', () => {
  test('goes in order', async () => {
    const sink = new Sink();
    sink.offer(5);
    await until(() => sink.got.length === 5);
    expect(sink.got).toEqual([0, 1, 2, 3, 4]);
    expect(all(sink.queue)).toEqual({ delivered: 5, failed: 0, overflow: 0, expired: 0, refused: 0, stopped: 0 });
  });

  test('comes again until it is taken; told once, and once when it works', async () => {
    const sink = new Sink();
    sink.state = FAILED;
    sink.offer(3);
    await until(() => sink.queue.delivered.failed >= 5);
    expect(sink.journal.entries.map(({ event }) => event)).toEqual(['alert_not_delivered']);
    sink.state = { kind: 'delivered' };
    await until(() => sink.got.length === 3);
    expect(sink.got).toEqual([0, 1, 2]);
    expect(sink.journal.entries.map(({ event }) => event)).toEqual(['alert_not_delivered', 'alert_sink_works']);
  });

  test('is bounded: the oldest goes, but for the one under way', async () => {
    const sink = new Sink({ most: 4 });
    sink.state = 'hangs';
    sink.offer(10);
    expect([sink.queue.size, sink.queue.lost.overflow]).toEqual([4, 6]);
    const left = await sink.queue.stop(0);
    expect(left.map(({ heldBack }) => heldBack)).toEqual([0, 7, 8, 9]);
  });

  test('is given up after an hour of failures', async () => {
    const sink = new Sink();
    sink.state = FAILED;
    sink.offer(2);
    await until(() => sink.queue.delivered.failed > 0);
    sink.now = 3_600_000;
    await until(() => sink.queue.lost.expired === 2);
    expect(sink.queue.size).toBe(0);
  });

  test('is not tried again when it is refused, and the next one goes on', async () => {
    const sink = new Sink();
    sink.state = { kind: 'refused', why: 'it answers 301' };
    sink.offer(2);
    await until(() => sink.queue.lost.refused === 2);
    expect(sink.journal.find('alert_refused')?.fields['text']).toBe('The sink "s" refuses an alert: it answers 301. It is not tried again.');
  });

  test('waits as long as it is asked to', async () => {
    const sink = new Sink();
    sink.state = { ...FAILED, after: 3_600_000 };
    sink.offer(1);
    await until(() => sink.queue.delivered.failed === 1);
    sink.state = { kind: 'delivered' };
    sink.queue.offer(notices[1] ?? noticeOf(occasion(), words));
    expect(sink.got).toEqual([]);
    expect(await sink.queue.stop(0)).toHaveLength(2);
  });

  test('at the end: what is on its way may arrive, what fails is not waited for', async () => {
    const sink = new Sink();
    sink.offer(3);
    expect(await sink.queue.stop(5_000)).toEqual([]);
    expect(sink.got).toEqual([0, 1, 2]);
    sink.offer(1);
    expect(sink.queue.lost.stopped).toBe(1);
    const down = new Sink();
    down.state = FAILED;
    down.offer(2);
    await until(() => down.queue.delivered.failed > 0);
    expect(await down.queue.stop(60_000)).toHaveLength(2);
  });
});
