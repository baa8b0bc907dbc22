/** What a back-end will not take: found down to the single span, counted, said, and kept in the dead-letter file. */
import type { DeadLetter, Log, Parcel, ParcelFate } from '../model/delivery.ts';
import { halve } from './cut.ts';
import { Notices } from './notices.ts';
import type { Batch, Waiting } from './queue.ts';

/** A trace that is sent in pieces, because the back-end would not take it as a whole. */
export interface Cut {
  readonly whole: Waiting;
  /** Pieces without a fate. */
  left: number;
  readonly refused: { readonly parcel: Parcel; readonly reason: string }[];
}

const TAKEN: ParcelFate = { kind: 'acknowledged' };

export class Refusals {
  /** Rejected: spans that a back-end took not, in requests it took (partial success). */
  readonly counts = { refusedTraces: 0, refusedSpans: 0, rejectedSpans: 0 };
  readonly #letters: { write(letter: DeadLetter): void } | undefined;
  readonly #notices: Notices;
  /** The last trace that was cut was refused to its last span: as long as nothing is taken, cutting the next finds nothing. */
  #futile = false;

  constructor(log: Log, letters: { write(letter: DeadLetter): void } | undefined) {
    this.#letters = letters;
    this.#notices = new Notices(log);
  }

  /** The back-end took it. */
  taken(item: Waiting): void {
    this.#futile = false;
    if (item.cut === undefined) item.done(TAKEN);
    else this.#concluded(item.cut);
  }

  /** It will not take this trace, or piece of one. @returns what is to be tried in its place; nothing: that was its end. */
  refused(item: Waiting, reason: string): readonly Waiting[] {
    const halves = item.cut === undefined && this.#futile ? undefined : halve(item.parcel);
    if (halves === undefined) {
      this.ended(item, reason);
      return [];
    }
    const cut = item.cut ?? { whole: item, left: 1, refused: [] };
    cut.left += 1;
    return halves.map((parcel) => ({ ...item, parcel, cut }));
  }

  /** The same, where the back-end's word is final. */
  ended(item: Waiting, reason: string): void {
    if (item.cut === undefined) {
      this.#refuse(item, reason);
      return;
    }
    item.cut.refused.push({ parcel: item.parcel, reason });
    this.#concluded(item.cut);
  }

  /** It took the batch but for some spans, and does not say which. */
  partial(batch: Batch, rejected: number, reason: string): void {
    this.counts.rejectedSpans += rejected;
    const traceIds = batch.items.map((item) => item.parcel.traceId);
    this.#letters?.write({ kind: 'partial', traceIds, spans: rejected, reason, request: batch.items.map((item) => item.parcel.bytes) });
    this.#notices.say('warn', 'spans_rejected', {
      rejected,
      sent: batch.spans,
      why: reason,
      text: `The back-end did not take ${rejected} of ${batch.spans} spans: ${reason}. They are not sent again (OTLP forbids it) and stand in the dead-letter file.`,
    });
  }

  /** It took everything and had something to say. */
  remark(warning: string): void {
    this.#notices.say('warn', 'endpoint_warns', { why: warning, text: `The back-end took the traces and remarks: ${warning}` });
  }

  #concluded(cut: Cut): void {
    cut.left -= 1;
    if (cut.left > 0) return;
    const { whole, refused } = cut;
    const [first] = refused;
    const spans = refused.reduce((sum, { parcel }) => sum + parcel.spans, 0);
    if (first === undefined) whole.done(TAKEN);
    else if (spans === whole.parcel.spans) {
      this.#futile = true;
      this.#refuse(whole, first.reason);
    } else this.#refuseSome(whole, cut, spans, first.reason);
  }

  #refuse({ parcel, done }: Waiting, reason: string): void {
    const { traceId, spans, bytes } = parcel;
    this.counts.refusedTraces += 1;
    this.counts.refusedSpans += spans;
    this.#letters?.write({ kind: 'refused', traceIds: [traceId], spans, reason, request: [bytes] });
    this.#notices.say('error', 'trace_refused', {
      trace: traceId,
      spans,
      why: reason,
      text: `The back-end will not take trace ${traceId}: ${reason}. It is not sent again and stands in the dead-letter file.`,
    });
    done({ kind: 'refused', reason });
  }

  #refuseSome({ parcel: { traceId, spans: all }, done }: Waiting, { refused }: Cut, spans: number, reason: string): void {
    this.counts.refusedSpans += spans;
    for (const { parcel, reason: why } of refused) {
      this.#letters?.write({ kind: 'refused', traceIds: [traceId], spans: parcel.spans, reason: why, request: [parcel.bytes] });
    }
    this.#notices.say('error', 'spans_refused', {
      trace: traceId,
      spans,
      why: reason,
      text: `The back-end will not take ${spans} of ${all} spans of trace ${traceId}: ${reason}. The others are stored; these stand in the dead-letter file.`,
    });
    done(TAKEN);
  }
}
