import type { Complaint } from './complaint.ts';
import { originText } from './values.ts';

/** Nothing in a complaint may steer the terminal it is shown on; every odd character keeps its column. */
const visible = (text: string): string => text.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => (char === '\t' ? ' ' : '?'));

/**
 * One complaint, one or more lines, no newline at the end:
 *
 *     /etc/shimtrace/shimtrace.yaml:14:5  error  sources[1].fromat: unknown key. Did you mean "format"?
 *        13 |   - path: /var/log/kata/*.log
 *        14 |     fromat: kata-logfmt
 *           |     ^^^^^^
 */
export function formatComplaint(complaint: Complaint): string {
  const { excerpt } = complaint;
  const what = complaint.path === '' ? complaint.what : `${complaint.path}: ${complaint.what}`;
  const lines = [visible(`${originText(complaint.origin)}  ${complaint.severity}  ${what}`)];
  if (excerpt !== undefined) {
    for (const { number, text } of excerpt.lines) lines.push(`${String(number).padStart(5)} | ${visible(text)}`.trimEnd());
    lines.push(`${' '.repeat(5)} | ${' '.repeat(excerpt.indent)}${'^'.repeat(excerpt.length)}`);
  }
  return lines.join('\n');
}

/** All complaints and their count, each line ended by a newline; nothing for none. */
export function formatComplaints(complaints: readonly Complaint[]): string {
  if (complaints.length === 0) return '';
  const errors = complaints.filter((complaint) => complaint.severity === 'error').length;
  const counts = [count(errors, 'error'), count(complaints.length - errors, 'warning')].filter((each) => each !== '');
  return `${[...complaints.map(formatComplaint), `${counts.join(', ')}.`].join('\n')}\n`;
}

const count = (n: number, what: string): string => (n === 0 ? '' : `${n} ${what}${n === 1 ? '' : 's'}`);
