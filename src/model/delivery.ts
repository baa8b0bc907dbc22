/** One encoded trace on its way to the back-end. `bytes` is a run of `resource_spans` fields of an ExportTraceServiceRequest. */
export interface Parcel {
  /** 32 hex digits. */
  readonly traceId: string;
  readonly spans: number;
  readonly bytes: Uint8Array;
}

/** How a parcel ended. All mean: its log lines may be let go. */
export type ParcelFate =
  /** The back-end took it. */
  | { readonly kind: 'acknowledged' }
  /** It stands on our own disk and will be sent from there. */
  | { readonly kind: 'spooled' }
  /** The back-end will never take it: counted and written to the dead-letter file. */
  | { readonly kind: 'refused'; readonly reason: string };

/** One line of the daemon's own log: a short stable event name, and what belongs to it. `text` is for people. */
export type Log = (
  level: 'info' | 'warn' | 'error',
  event: string,
  fields: Readonly<Record<string, string | number | boolean>>,
) => void;

/** Something a back-end would not take, on its way to the dead-letter file. */
export interface DeadLetter {
  /** refused: these traces are not stored. partial: some spans among these traces are not; the back-end does not say which. */
  readonly kind: 'refused' | 'partial';
  readonly traceIds: readonly string[];
  /** Spans that were not taken. */
  readonly spans: number;
  readonly reason: string;
  /** The request, in pieces. */
  readonly request: readonly Uint8Array[];
}
