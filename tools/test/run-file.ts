import { appendFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import type { Part } from './parts.ts';
import { runCommand } from './run-command.ts';
import type { RunContext } from './run-command.ts';
import { readMessage } from './test-event.ts';
import type { TestResult } from './test-event.ts';

const REPORTER = fileURLToPath(new URL('reporter.ts', import.meta.url));

/** What a test file prints of tests that this machine has no means for, and why it has not. */
const NOT_RUN = 'not run: ';

/**
 * Runs one test file in a process of its own and returns its results. A file that tests nothing,
 * that crashes, or whose process does not end after its tests, has a failed result for that.
 * `node --test` itself would wait for ever for such a process, and not say which it is.
 */
export async function runFile(
  file: string,
  part: Part,
  log: string,
  context: RunContext,
): Promise<readonly TestResult[]> {
  const results: TestResult[] = [];
  const printed: string[] = [];
  let running = 0;
  let leftBehind = false;
  let closeTimer: NodeJS.Timeout | undefined;
  const command = {
    command: process.execPath,
    arguments: [
      `--test-timeout=${part.testTimeoutMs}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stderr',
      `--test-reporter=${REPORTER}`,
      '--test-reporter-destination=stdout',
      file,
    ],
  };
  const { code, lines } = await runCommand(command, part.timeoutMs, context, (line, kill) => {
    const message = readMessage(line);
    if (message === undefined) return;
    if (message.kind === 'result') results.push(message);
    else running += message.kind === 'begun' ? 1 : -1;
    clearTimeout(closeTimer);
    if (running > 0) return;
    closeTimer = setTimeout(() => {
      leftBehind = true;
      kill();
    }, part.closeTimeoutMs);
  });
  clearTimeout(closeTimer);
  printed.push(...lines.filter((line) => line !== '' && readMessage(line) === undefined));
  appendFileSync(log, [`\n# ${file}`, ...printed, ''].join('\n'));
  const notRun = printed.filter((line) => line.startsWith(NOT_RUN));
  for (const line of notRun) context.say(line);
  if (results.length === 0) results.push(...notRun.map(skipped));

  const left = 'The tests are over but the process did not end: something is left open.';
  const problem = leftBehind ? left : problemOf(code, results, part);
  if (problem !== undefined) {
    const error = [problem, ...printed.slice(-30)].join('\n');
    results.push({ kind: 'result', outcome: 'failed', name: 'the file as a whole', error });
  }
  return results;
}

function skipped(name: string): TestResult {
  return { kind: 'result', outcome: 'skipped', name };
}

/** What is wrong with a file beyond its tests, or undefined. */
function problemOf(
  code: number | null,
  results: readonly TestResult[],
  part: Part,
): string | undefined {
  if (code === null) return `It was killed, at the latest after ${part.timeoutMs / 60_000} min.`;
  if (results.length === 0 && code === 0) return 'It has no tests.';
  const failed = results.some((result) => result.outcome === 'failed');
  return code !== 0 && !failed ? `It ended with exit code ${code}.` : undefined;
}
