/** Of a start of which one moment alone is known: back-ends take a span without a length for an error. */
import { expect, test } from 'vitest';
import { TraceEncoder } from '../../src/delivery/encode.ts';
import { otlpJson } from '../../src/engine/render/otlpjson.ts';
import { tracesOf } from '../support/ledger.ts';
import { spansOf } from '../support/otlp.ts';
import { Random } from '../support/random.ts';
import { start } from '../support/uruncwriter.ts';

test('its root is sent a nanosecond long, in both forms, and is known to have no length', () => {
  const [first] = start(new Random(1), { generation: 'D', id: 'c-1', at: 1_795_216_803_000_000_000n });
  const { traces: [trace] } = tracesOf(`${first?.text ?? ''}\n`);
  if (trace === undefined) throw new Error('no trace');
  expect([trace.wall, trace.spans[0]?.end]).toEqual([0, 0]);
  expect(otlpJson(trace, [])).toContain('"startTimeUnixNano":"1795216803000000000","endTimeUnixNano":"1795216803000000001"');
  const sent = spansOf(new TraceEncoder([]).encode(trace).bytes);
  expect(sent.filter(({ name }) => name === 'container start').map(({ start: from, end }) => end - from)).toEqual([1n]);
});
