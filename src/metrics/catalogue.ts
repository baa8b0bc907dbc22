/** Every metric there is. docs/metrics.md is held against this list, and so is what a scrape shows. */

export interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Names of its labels. Values come from fixed vocabularies or from the configuration, never from an id in a log. */
  readonly labels: readonly string[];
  /** One sentence, for people. */
  readonly help: string;
}

export const CATALOGUE = {
  shimtrace_start_duration_seconds: {
    type: 'histogram', labels: ['runtime', 'layer'],
    help: 'How long starts that came up took, less the gaps of the caller. layer: the outermost one whose lines were there.',
  },
  shimtrace_phase_duration_seconds: {
    type: 'histogram', labels: ['runtime', 'layer', 'phase'], help: 'How long each phase of a start took, of starts of any outcome.',
  },
  shimtrace_starts_total: { type: 'counter', labels: ['runtime', 'layer', 'outcome'], help: 'Starts that ended within the last ten minutes when they were seen first.' },
  shimtrace_findings_total: { type: 'counter', labels: ['runtime', 'finding'], help: 'What was concluded about those starts.' },
  shimtrace_guest_clock_offset_seconds: {
    type: 'gauge', labels: ['runtime'], help: 'By how much the clock of a guest was off, the largest of the last start that told one; positive: the guest was behind.',
  },
  shimtrace_open_starts: { type: 'gauge', labels: [], help: 'Starts, stops and execs under way.' },
  shimtrace_settled_total: { type: 'counter', labels: ['outcome'], help: 'Everything that was finished since the daemon began, old logs included.' },
  shimtrace_lines_total: { type: 'counter', labels: ['verdict'], help: 'Lines read, by what became of them.' },
  shimtrace_malformed_lines_total: { type: 'counter', labels: ['reason'], help: 'Lines that were not what their writer writes, by what was wrong.' },
  shimtrace_losses_total: { type: 'counter', labels: ['name'], help: 'What was left out or cut, by name.' },
  shimtrace_source_up: { type: 'gauge', labels: ['source'], help: '1: at least one file of this pattern is followed and none has a problem, or this journal can be read.' },
  shimtrace_source_files: { type: 'gauge', labels: ['source'], help: 'Files of this pattern that are followed.' },
  shimtrace_source_lag_bytes: { type: 'gauge', labels: ['source'], help: 'Bytes in these files that were not read yet.' },
  shimtrace_source_lag_seconds: { type: 'gauge', labels: ['source'], help: 'Age of the last line read while there are more to read; 0 at the end.' },
  shimtrace_file_events_total: { type: 'counter', labels: ['event'], help: 'What befell the files that are followed.' },
  shimtrace_journal_events_total: { type: 'counter', labels: ['event'], help: 'Entries of the journals that are followed, and what befell them.' },
  shimtrace_command_up: { type: 'gauge', labels: ['command'], help: '1: the command whose output is followed runs.' },
  shimtrace_command_lines_total: { type: 'counter', labels: ['command'], help: 'Lines that it wrote.' },
  shimtrace_command_events_total: {
    type: 'counter', labels: ['command', 'event'],
    help: 'What befell it. restarts: it was started again; gaps: lines of a while are missing; lost: lines for which the spool had no room; unsafe: lines that the disk did not take before they were used.',
  },
  shimtrace_command_spool_bytes: { type: 'gauge', labels: ['command'], help: 'Bytes of its lines that are kept until they are acknowledged.' },
  shimtrace_export_up: { type: 'gauge', labels: [], help: '1: the back-end takes traces, or nothing has to be sent.' },
  shimtrace_export_failing_seconds: { type: 'gauge', labels: [], help: 'For how long no request got through; 0 while they do.' },
  shimtrace_export_requests_total: { type: 'counter', labels: [], help: 'Requests to the back-end, repeated ones included.' },
  shimtrace_export_retries_total: { type: 'counter', labels: [], help: 'Requests that repeated one that had failed.' },
  shimtrace_export_traces_total: { type: 'counter', labels: ['result'], help: 'Traces by what became of them. lost: in a spool file that could not be read again.' },
  shimtrace_export_spans_total: { type: 'counter', labels: ['result'], help: 'Spans by what became of them. rejected: by a back-end that took the rest of the request.' },
  shimtrace_export_queue_traces: { type: 'gauge', labels: [], help: 'Traces that wait for the back-end, those under way included.' },
  shimtrace_export_queue_bytes: { type: 'gauge', labels: [], help: 'Bytes that they fill.' },
  shimtrace_export_queue_limit_bytes: { type: 'gauge', labels: [], help: 'When so many bytes wait, reading pauses.' },
  shimtrace_export_spool_traces: { type: 'gauge', labels: [], help: 'Traces that wait on disk.' },
  shimtrace_export_spool_bytes: { type: 'gauge', labels: [], help: 'Bytes that they fill.' },
  shimtrace_unacknowledged_traces: { type: 'gauge', labels: [], help: 'Finished traces whose lines are still held.' },
  shimtrace_state_writable: { type: 'gauge', labels: [], help: '1: the state was saved when it had to be.' },
  shimtrace_store_starts_total: { type: 'counter', labels: ['result'], help: 'Finished starts kept for ls, show and alerts. lost: never written; pruned: gone for their age, or for room.' },
  shimtrace_store_writable: { type: 'gauge', labels: [], help: '1: the store can be written, or is switched off.' },
  shimtrace_alerts_total: { type: 'counter', labels: ['rule'], help: 'Alerts raised, those held back by a cool-down not counted.' },
  shimtrace_alerts_held_back_total: { type: 'counter', labels: ['rule'], help: 'Alerts held back by a cool-down.' },
  shimtrace_alert_deliveries_total: { type: 'counter', labels: ['sink', 'result'], help: 'Attempts to deliver an alert. failed ones are repeated.' },
  shimtrace_alert_losses_total: { type: 'counter', labels: ['sink', 'reason'], help: 'Alerts that a sink never got.' },
  shimtrace_alert_queue: { type: 'gauge', labels: ['sink'], help: 'Alerts that wait for a sink.' },
  shimtrace_config_reloads_total: { type: 'counter', labels: ['result'], help: 'Reloads of the configuration (SIGHUP).' },
  shimtrace_config_last_reload_successful: { type: 'gauge', labels: [], help: '1: the configuration in effect is the one in the file, as far as it was looked at.' },
  shimtrace_config_last_reload_success_timestamp_seconds: { type: 'gauge', labels: [], help: 'When the configuration in effect was read.' },
  shimtrace_build_info: { type: 'gauge', labels: ['version', 'node'], help: '1, with the versions of shimtrace and Node.' },
  process_start_time_seconds: { type: 'gauge', labels: [], help: 'When the process began.' },
  process_cpu_seconds_total: { type: 'counter', labels: [], help: 'Processor time it used.' },
  process_resident_memory_bytes: { type: 'gauge', labels: [], help: 'Memory it fills.' },
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof CATALOGUE;

/** Values of the labels, in the order of the catalogue, and the figure. */
export type Point = readonly [values: readonly string[], value: number];
