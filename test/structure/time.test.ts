/** Scheduling is monotonic: who may ask for the time of day is listed here, and what for. */
import { expect, test } from 'vitest';
import { codeOnly, filesIn } from './source.ts';

/** Everything that tells the time of day or of the machine's start. */
const CLOCKS = /\bDate\.|\bnew Date\b|\bTemporal\b|\bhrtime\b|\btimeOrigin\b|\bgetTimezoneOffset\b/;

/** None of these compares the time of day with an earlier one, but clock.ts, which is where the injected clock comes from. */
const ALLOWED: Readonly<Record<string, string>> = {
  'src/cli/clock.ts': 'the machine’s wall clock, as an argument of everything else',
  'src/cli/ls.ts': 'reads the moment of --since',
  'src/syntax/text.ts': 'reads a date as a moment',
};

/** Who asks the injected wall clock, and for what. All else is given moments, or readings of the monotonic clock. */
const ASKED: Readonly<Record<string, string>> = {
  'src/cli/alertstest.ts': 'the time on an alert',
  'src/cli/backend.ts': 'the time on a dead letter',
  'src/cli/daemon.ts': 'whether a start ended within the last ten minutes',
  'src/cli/demo.ts': 'the demonstration happens now',
  'src/cli/import.ts': '--shift-to-now',
  'src/cli/doctor.ts': 'the test trace happens now',
  'src/cli/keeping.ts': 'handed to the store',
  'src/cli/ls.ts': '--since -1h',
  'src/cli/run.ts': '--from -1h, and the lag of a source, shown in seconds',
  'src/store/history.ts': 'what was seen in the last days',
  'src/cli/watch.ts': 'the time on an alert, and how long ago a start under way began by its own lines',
  'src/engine/ledger.ts': 'how old a line is, bounded by the monotonic clock (due.ts)',
  'src/cli/journals.ts': '--from -1h, as journalctl is told',
  'src/sources/journal/follower.ts': 'how long before now an entry was written: whether more may follow at once',
  'src/sources/command/silence.ts': 'from when to when nobody listened: compared with the times that lines tell',
  'src/sources/register.ts': 'compared with times of change of files, which are of the same clock',
  'src/sources/follow.ts': 'compared with times of change of files, which are of the same clock',
  'src/sources/finder.ts': 'when a file left its path, for the state: compared with times of change of files',
  'src/sources/missed.ts': 'compared with times of change of files, which are of the same clock',
  'src/store/store.ts': 'when a start was stored: kept by age, which may be off by what the clock is set',
  'src/delivery/deadletter.ts': 'the time on a dead letter',
};

const files = filesIn('src').map(({ path, text }) => ({ path, code: codeOnly(text) }));

test('only these read a calendar or the time of day', () => {
  expect(files.filter(({ code }) => CLOCKS.test(code)).map(({ path }) => path).sort()).toEqual(Object.keys(ALLOWED).sort());
});

test('only these ask the injected wall clock', () => {
  const asking = files.filter(({ code }) => /\.now\(\)/.test(code.replaceAll('performance.now()', '')));
  const unknown = asking.map(({ path }) => path).filter((path) => !(path in ASKED) && !(path in ALLOWED));
  expect(unknown).toEqual([]);
});

test('nothing is due at a moment of the wall clock: timers are given lengths', () => {
  const timers = files.filter(({ code }) => /set(?:Timeout|Interval)\([^;]*\.now\(\)/.test(code.replaceAll('performance.now()', '')));
  expect(timers.map(({ path }) => path)).toEqual([]);
});
