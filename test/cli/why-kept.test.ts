/** `why ID`: what the daemon keeps of a finding is what the log gives, proof and place included. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Daemon, shimtraceAsync, until } from '../faults/program.ts';
import { Folder } from '../support/files.ts';

const RECORDING = fileURLToPath(new URL('../fixtures/kata-1/fail-vmm/journal.log', import.meta.url));

test.each(['text', 'json'])('as from the log: %s', async (format) => {
  const folder = new Folder();
  const log = folder.write('journal.log', readFileSync(RECORDING));
  const state = folder.at('state');
  const daemon = new Daemon(['--file', log, '--state-dir', state], { OTEL_EXPORTER_OTLP_ENDPOINT: '' });
  try {
    let listed = '';
    await until(20_000, async () => {
      listed = (await shimtraceAsync('ls', '--failed', '--state-dir', state)).stdout;
      return listed.includes('d71a61370ba1');
    }, () => `${listed}\n${daemon.said}`);
    expect(listed).toMatch(/kata-1 .* failed .* ! unexplained-gap/);
    const kept = await shimtraceAsync('why', 'd71a', '--format', format, '--state-dir', state);
    const fromLog = await shimtraceAsync('why', log, '--format', format);
    expect(kept).toMatchObject({ code: 0, stderr: '' });
    expect(kept.stdout.trimEnd()).toBe(fromLog.stdout.trimEnd());
    expect(kept.stdout).toContain('journal.log');
  } finally {
    daemon.signal('SIGTERM');
    await daemon.ended(10_000);
    folder.dispose();
  }
}, 40_000);
