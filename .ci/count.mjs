// count.mjs REPORT SKIPPED: prints "passed failed" of a vitest JSON report and appends a line for each skipped test to SKIPPED:
// its name, a tab, the reason.
// Plain JavaScript, as it may run on the Node 20 of the machine.
import { appendFileSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

// A group tells the reason at the end of its name, "... [why]"; the reason depends on the machine, so it is no part of the name.
function describe(path, test) {
  const name = [relative(process.cwd(), path), ...test.ancestorTitles, test.title].join(' > ');
  const reason = / \[([^\]]*)\](?= > |$)/.exec(name);
  return reason === null ? `${name}\tno reason given` : `${name.replace(reason[0], '')}\t${reason[1]}`;
}

const [report, skipped] = process.argv.slice(2);
const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
let passed = 0;
let failed = 0;
for (const file of testResults) {
  // A file that cannot be loaded, or whose preparation fails, has failed once, whatever its tests say.
  if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')) failed += 1;
  for (const test of file.assertionResults) {
    if (test.status === 'passed') passed += 1;
    else if (test.status === 'failed') failed += 1;
    else appendFileSync(skipped, `${describe(file.name, test)}\n`);
  }
}
process.stdout.write(`${passed} ${failed}\n`);
