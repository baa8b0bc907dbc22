/** How one attempt to hand over an alert ended. */
export type Delivery =
  | { readonly kind: 'delivered' }
  /** May work later. `after`: not before, in ms, by the other side's own word. */
  | { readonly kind: 'failed'; readonly why: string; readonly after?: number }
  /** Will not work later either: it is not tried again. */
  | { readonly kind: 'refused'; readonly why: string };

/** Longest word of a stranger's that reaches the log. */
const MOST = 200;

/** What another program said, for a sentence. */
export const brief = (text: string): string => text.trim().split('\n')[0]?.slice(0, MOST) ?? '';
