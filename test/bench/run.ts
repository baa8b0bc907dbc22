/**
 * `npm run bench [-- --short] [NAME...]`: the figures of the project, each a ratio to a named peer or limit in the same
 * run. Machines differ and are shared: the ratios are what counts.
 */
import { SHORT, conclude } from './support.ts';

const BENCHES = ['core', 'kata', 'import', 'live', 'journal', 'busy', 'latency', 'rest', 'startup', 'store', 'outage'] as const;
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));

process.stdout.write(`shimtrace benchmarks${SHORT ? ' (short: the figures mean nothing)' : ''}, Node ${process.versions.node}\n`);
for (const name of BENCHES) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stdout.write(`${name}\n`);
  const { bench }: { bench: () => Promise<void> } = await import(`./${name}.bench.ts`);
  await bench();
}
conclude();
