/** One encoded trace on its way to the back-end. `bytes` is a run of `resource_spans` fields of an ExportTraceServiceRequest. */
export interface Parcel {
  /** 32 hex digits. */
  readonly traceId: string;
  readonly spans: number;
  readonly bytes: Uint8Array;
}

/** How a parcel ended. Both mean: it need not be sent again, its log lines may be let go. */
export type ParcelFate =
  /** The back-end took it. */
  | { readonly kind: 'acknowledged' }
  /** The back-end will never take it: counted and written to the dead-letter file. */
  | { readonly kind: 'refused'; readonly reason: string };
