/**
 * `npm run test:audit`: known holes in what is delivered. Exits with 0 when there is no grave one,
 * 1 when there is, and 3 when the index of advisories could not be asked.
 */
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { auditVerdict } from './audit-verdict.ts';

const TIMEOUT_MS = 60_000;
const EXIT_CODES = { passed: 0, failed: 1, 'not run': 3 } as const;

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const output = await new Promise<string>((resolve) => {
  const pnpm = join(root, 'node_modules', '.bin', 'pnpm');
  const options = { cwd: root, timeout: TIMEOUT_MS, maxBuffer: 64 * 1_024 * 1_024 };
  // It fails when it finds something, too: only what it printed counts.
  execFile(pnpm, ['audit', '--prod', '--json'], options, (_error, stdout, stderr) => {
    resolve(stdout.trim() === '' ? stderr : stdout);
  });
});
const { outcome, text } = auditVerdict(output);
process.stdout.write(outcome === 'not run' ? `not run: audit: ${text}\n` : `audit: ${text}\n`);
process.exitCode = EXIT_CODES[outcome];
