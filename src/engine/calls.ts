/** The word `rpc`: a call of the host as CLIENT, its execution in the guest as the SERVER inside it. */
import { duration } from '../model/time.ts';
import type { Duration } from '../model/time.ts';
import type { Attributes } from '../model/trace.ts';
import type { GuestClock } from './clock.ts';
import { draft } from './draft.ts';
import type { Draft } from './draft.ts';
import type { Call } from './joins.ts';
import { fill } from './template.ts';
import type { CompiledRpc } from './words.ts';

export function calls(word: CompiledRpc, joined: readonly Call[], clock: GuestClock | undefined, made: Draft[]): void {
  for (const call of joined) {
    const end = call.next ?? call.group.items[call.group.items.length - 1];
    if (end === undefined) continue;
    const server = clock && placeServer(call, clock);
    if (call.next === undefined && server === undefined) continue; // asked, and nothing more is known
    const client = draft({
      service: word.client.service,
      name: fill(word.client.name, call.asks.event.holes),
      kind: 'client',
      from: call.asks,
      to: end,
      // Nobody wrote when the answer came: with no further line it was at least as late as the guest's own end.
      ...(call.next === undefined && server !== undefined && { end: server.end }),
      certainty: call.next === undefined ? 'inferred' : 'bounded',
      credit: 'runtime',
      waits: true,
      group: call.group,
      attributes: about(call, word.server.service),
    });
    made.push(client);
    if (server !== undefined) made.push(execution(word, call, client, server));
  }
}

const about = (call: Call, peer: string): Attributes => [
  ...(call.group.container === undefined ? [] : [['container.id', call.group.container] as const]),
  ...(call.ended === undefined ? [['peer.service', peer] as const] : []),
  ['rpc.method', call.verb],
  ['rpc.system.name', 'grpc'],
  ...(call.ended === undefined ? [['service.peer.name', peer] as const] : []),
];

interface Server {
  readonly start: Duration;
  readonly end: Duration;
  readonly attributes: Attributes;
}

/**
 * The guest's clock is known to within an uncertainty; the call itself is known better: where the two disagree the execution
 * is moved into its call by as little as will do, and says so. One that is longer than its call is none of its.
 */
function placeServer(call: Call, clock: GuestClock): Server | undefined {
  const { ended, asks, next, took } = call;
  if (ended === undefined) return undefined;
  const mapped = clock.map(ended);
  if (mapped === undefined) return undefined;
  const raw = mapped.attributes[0]?.[1] === 'raw';
  const start = mapped.offset - took;
  if (raw) return { start: duration(start), end: mapped.offset, attributes: mapped.attributes };
  const latest = next === undefined ? Infinity : next.offset + next.event.step - 1;
  if (latest - asks.offset < took) return undefined;
  const shift = start < asks.offset ? asks.offset - start : mapped.offset > latest ? latest - mapped.offset : 0;
  const moved: Attributes = shift === 0 ? mapped.attributes : [...mapped.attributes, ['shimtrace.clock.shifted_ns', shift]];
  return { start: duration(start + shift), end: duration(mapped.offset + shift), attributes: moved };
}

function execution(word: CompiledRpc, call: Call, client: Draft, { start, end, attributes }: Server): Draft {
  const from = call.asked ?? call.ended ?? call.asks;
  const own: Attributes = call.group.container === undefined ? [] : [['container.id', call.group.container]];
  return draft({
    service: word.server.service,
    name: fill(word.server.name, call.asks.event.holes),
    kind: 'server',
    from,
    to: call.ended ?? from,
    start,
    end,
    // Its length is the guest's own measurement; where it lies is known to within the clocks' uncertainty.
    certainty: 'exact',
    credit: 'guest',
    group: undefined,
    container: call.group.container,
    within: client,
    attributes: [...own, ['rpc.method', call.verb], ['rpc.system.name', 'grpc'], ...attributes],
  });
}
