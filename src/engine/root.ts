/** What the root of a trace tells of the whole start. */
import type { Attributes } from '../model/trace.ts';
import { creditsOf } from './credits.ts';
import type { Draft } from './draft.ts';
import type { Details } from './fold.ts';
import { gapsOf } from './gaps.ts';
import { nameOf, schemeNames } from './part.ts';
import { toldOfWhole } from './told.ts';
import { errorType } from './whole.ts';
import type { Whole } from './whole.ts';

export type Attribute = Attributes[number];

/** In canonical order. */
export const byName = ([a]: Attribute, [b]: Attribute): number => (a < b ? -1 : a > b ? 1 : 0);

export function rootAttributes({ whole, arranged, gaps, last, rootLayer, findings, measures, version }: Details): Attributes {
  const { parts, core: { decision, runtime }, outcome } = whole;
  const [lead] = parts;
  const wall = arranged[0]?.end ?? 0;
  const attributes: Attribute[] = [
    ['shimtrace.active_ns', wall - gaps],
    ['shimtrace.last_mark', nameOf(last)],
    ['shimtrace.outcome', outcome],
    ['shimtrace.root_layer', rootLayer],
    ['shimtrace.wall_ns', wall],
    ...measures,
  ];
  const previous = parts.find((part) => part.previous !== undefined)?.previous;
  if (previous !== undefined) attributes.push(['shimtrace.continues', previous.why]);
  // Years are beyond the whole numbers of a double.
  if (lead.shift !== undefined) attributes.push(['shimtrace.shifted_ns', String(lead.shift)]);
  if (outcome === 'incomplete' || outcome === 'failed') attributes.push(['error.type', errorType(whole)]);
  if (findings.length > 0) attributes.push(['shimtrace.finding', [...new Set(findings.map((finding) => finding.id))]]);
  const missing = gapsOf(parts);
  if (missing.length > 0) attributes.push(['shimtrace.gap', [...new Set(missing.map(({ gap }) => gap.name))]]);
  if (missing.some(({ gap }) => gap.missing !== undefined)) attributes.push(['shimtrace.gap_lines', missing.reduce((sum, { gap }) => sum + (gap.missing ?? 0), 0)]);
  if (decision.by !== 'none') {
    attributes.push(['shimtrace.scheme', schemeNames(runtime, decision).join(' or ')]);
    attributes.push(['shimtrace.scheme_by', decision.schemes.length > 1 ? 'undecided' : decision.by]);
  }
  const exit = exitCode(whole);
  if (exit !== undefined && /^\d{1,3}$/.test(exit)) attributes.push(['process.exit.code', Number(exit)]);
  if (lead.subject !== lead.container) attributes.push(['shimtrace.sandbox', lead.subject]);
  const exec = lead.rule.name === 'exec' ? parts.flatMap(({ events }) => events).find(({ holes }) => holes?.['xid'] !== undefined)?.holes?.['xid'] : undefined;
  if (exec !== undefined) attributes.push(['shimtrace.exec_id', exec]);
  if (version !== undefined) attributes.push(['shimtrace.version', version]);
  if (parts.length > 1 || lead.runtime.around) attributes.push(...calls(arranged, lead.container), ...credits(arranged));
  attributes.push(...toldOfWhole(parts, lead.container));
  return attributes.sort(byName);
}

function exitCode({ parts, undoing }: Whole): string | undefined {
  if (undoing !== undefined) return undoing.code;
  for (const { runtime, events } of parts) {
    const told = runtime.keyed || runtime.around ? events.find(({ holes }) => holes?.['code'] !== undefined)?.holes?.['code'] : undefined;
    if (told !== undefined) return told;
  }
  return undefined;
}

/**
 * How long each call of the OCI runtime interface took, whichever runtime it was: by what goes on around the runtime where that is told,
 * since that is the same for all runtimes; else by the runtime's own word.
 */
function calls(arranged: readonly Draft[], container: string): Attribute[] {
  const mine = arranged.filter((one) => !one.incomplete && (one.container ?? container) === container);
  const took = (verb: string): number => {
    const call = mine.find(({ name }) => name === `oci: ${verb}`) ?? mine.find(({ name }) => name === verb);
    return call === undefined ? 0 : call.end - call.start;
  };
  const all: Attribute[] = [
    ['shimtrace.oci.create_ns', took('create')],
    ['shimtrace.oci.start_ns', took('start')],
    ['shimtrace.oci.state_ns', took('state')],
    ['shimtrace.oci.kill_ns', took('kill')],
    ['shimtrace.oci.delete_ns', took('delete')],
  ];
  return all.filter(([, ns]) => ns !== 0);
}

/** In ns; together they are the wall. */
function credits(arranged: readonly Draft[]): Attribute[] {
  const share = creditsOf(arranged);
  const all: Attribute[] = [
    ['shimtrace.credit.client_ns', share.get('caller') ?? 0],
    ['shimtrace.credit.containerd_ns', share.get('containerd') ?? 0],
    ['shimtrace.credit.shim_ns', share.get('shim') ?? 0],
    ['shimtrace.credit.runtime_ns', share.get('runtime') ?? 0],
    ['shimtrace.credit.hypervisor_ns', share.get('hypervisor') ?? 0],
    ['shimtrace.credit.guest_ns', share.get('guest') ?? 0],
    ['shimtrace.credit.idle_ns', share.get('idle') ?? 0],
  ];
  return all.filter(([, ns]) => ns !== 0);
}
