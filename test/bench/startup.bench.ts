import { MAIN, SHORT, finishNode, median, report } from './support.ts';

/** How long one waits for the prompt. */
export async function bench(): Promise<void> {
  const bare: number[] = [], version: number[] = [], help: number[] = [];
  for (let round = 0; round < (SHORT ? 1 : 15); round++) {
    bare.push((await finishNode(['-e', '0'])).wall);
    version.push((await finishNode([MAIN, 'version'])).wall);
    help.push((await finishNode([MAIN, '--help'])).wall);
  }
  report('node -e 0', median(bare) * 1000, 'ms');
  report('shimtrace version, times that', median(version) / median(bare), 'x', { at: 'most', value: 3 });
  report('shimtrace --help, times that', median(help) / median(bare), 'x', { at: 'most', value: 3 });
}
