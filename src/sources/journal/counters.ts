/** All that is counted of a journal, at nothing: a figure is there before the first of its kind. */
export const NOTHING_YET: Readonly<Record<string, number>> = {
  entries: 0, bytes: 0, own: 0, other_machine: 0, fields_cut: 0, line_pieces: 0, lines_unjoined: 0, gaps: 0, entries_missing: 0, suppressed: 0, suppressed_markers: 0,
  restarts: 0, hangs: 0, cursors_refused: 0, unreadable: 0,
};
