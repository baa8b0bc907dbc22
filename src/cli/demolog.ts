/**
 * Made-up starts for `shimtrace demo`, as urunc 0.7 would log them: microseconds from the first mark. The figures are of
 * the size that real urunc shows; nobody recorded them.
 */
import type { Nanos } from '../model/time.ts';

export interface DemoStart {
  readonly title: string;
  readonly id: string;
  /** Microseconds after the demo's first start. */
  readonly at: number;
  /** By number of the timestamp: microseconds from the start's first mark. */
  readonly marks: Readonly<Record<number, number>>;
}

const NAMES = [
  'CR.invoked', 'CR.unikontainer_created', 'CR.initial_setup', 'CR.start_reexec', 'RX.create_invoked', 'RX.close_pipes_and_setup_base', 'CR.received_pids',
  'CR.hooks_executed', 'CR.sent_ack', 'RX.received_ack', 'CR.terminated', 'ST.invoked', 'ST.unikontainer_created', 'ST.sent_start_msg', 'RX.received_start_msg',
  'RX.joined_netns', 'RX.network_setup_completed', 'RX.disk_setup_completed', 'RX.execve_hypervisor',
];

const USUAL = {
  0: 0, 1: 912, 2: 1_004, 3: 1_087, 6: 9_655, 4: 12_031, 5: 12_090, 7: 9_771, 8: 9_776, 9: 12_101, 10: 13_014,
  11: 25_211, 12: 26_302, 13: 26_555, 14: 26_690, 15: 26_744, 16: 27_083, 17: 27_829, 18: 28_440,
};

/** The same start, with everything after a mark that much later. */
function delayed(after: readonly number[], by: number): Record<number, number> {
  return Object.fromEntries(Object.entries(USUAL).map(([mark, time]) => [mark, after.includes(Number(mark)) ? time + by : time]));
}

const until = (last: readonly number[]): Record<number, number> => Object.fromEntries(Object.entries(USUAL).filter(([mark]) => last.includes(Number(mark))));

export const DEMO: readonly DemoStart[] = [
  { title: 'a usual start', id: 'de40a11ce5000001', at: 0, marks: USUAL },
  { title: 'a CreateRuntime hook that takes 250 ms', id: 'de40a11ce5000002', at: 400_000, marks: delayed([7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18], 250_000) },
  { title: 'a caller that waits a second between create and start', id: 'de40a11ce5000003', at: 500_000, marks: delayed([11, 12, 13, 14, 15, 16, 17, 18], 1_000_000) },
  { title: 'a hypervisor that is not installed', id: 'de40a11ce5000004', at: 900_000, marks: until([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15]) },
  { title: 'created and never started', id: 'de40a11ce5000005', at: 950_000, marks: until([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) },
];

/** How long the demo's starts take altogether, ns. */
export const DEMO_LENGTH = 1_600_000_000n;

/** The log, in the order in which the processes would have written it. */
export function demoLog(begin: Nanos): string {
  const lines = DEMO.flatMap(({ id, at, marks }) =>
    Object.entries(marks).map(([mark, time]) => ({ mark: Number(mark), id, time: begin + BigInt(at + time) * 1_000n + BigInt(Number(mark) * 7 + 3) })),
  );
  lines.sort((a, b) => (a.time < b.time ? -1 : 1));
  return lines
    .map(({ mark, id, time }) => {
      const name = NAMES[mark] ?? '';
      return `{"containerID":"${id}","timestampID":"TS${String(mark).padStart(2, '0')}","timestampName":"${name}","timestampOrder":${mark},"time":${time}}\n`;
    })
    .join('');
}
