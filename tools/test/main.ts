/** `npm test`: every check of the repository, one summary at the end. */
import { mkdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { PARTS } from './parts.ts';
import type { Part } from './parts.ts';
import { runPart } from './run-part.ts';
import type { PartOutcome } from './run-part.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const logDirectory = join(root, '.data', 'test-logs');

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function usage(): string {
  const width = Math.max(...PARTS.map((part) => part.name.length));
  const list = (apart: boolean): readonly string[] =>
    PARTS.filter((part) => part.apart === apart).map(
      (part) => `  ${part.name.padEnd(width)}  ${part.title}`,
    );
  return [
    'Usage: npm test -- [part ...]',
    '',
    'Runs the named parts, or all of these, in this order:',
    '',
    ...list(false),
    '',
    'Only when named, since they take minutes each (.ci/run runs them too):',
    '',
    ...list(true),
    '',
    `Full logs: ${relative(root, logDirectory)}`,
  ].join('\n');
}

/** The parts named on the command line in their usual order, or undefined when one is unknown. */
function selectParts(names: readonly string[]): readonly Part[] | undefined {
  const unknown = names.find((name) => PARTS.every((part) => part.name !== name));
  if (unknown !== undefined) {
    process.stderr.write(`There is no part called ${unknown}.\n\n${usage()}\n`);
    return undefined;
  }
  return PARTS.filter(({ apart, name }) => (names.length === 0 ? !apart : names.includes(name)));
}

function describeOutcome(outcome: PartOutcome, seconds: string): string {
  if (!outcome.ran) return '  - no files';
  const skipped = outcome.skipped === 0 ? '' : `, ${outcome.skipped} skipped`;
  const mark = outcome.failed === 0 ? '✔' : '✖';
  return `  ${mark} ${outcome.passed} passed, ${outcome.failed} failed${skipped} (${seconds} s)`;
}

async function runParts(parts: readonly Part[], signal: AbortSignal): Promise<number> {
  mkdirSync(logDirectory, { recursive: true });
  let [passed, failed] = [0, 0];
  for (const part of parts) {
    if (signal.aborted) break;
    say(`\n${part.name}: ${part.title}`);
    const startedAtMs = performance.now();
    const outcome = await runPart(part, { root, logDirectory, say, signal });
    say(describeOutcome(outcome, ((performance.now() - startedAtMs) / 1000).toFixed(1)));
    passed += outcome.passed;
    failed += outcome.failed;
  }
  if (signal.aborted) {
    say('\nInterrupted.');
    failed = Math.max(failed, 1);
  }
  if (failed > 0) say(`\nFull logs: ${relative(root, logDirectory)}`);
  say(`\n${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

const names = process.argv.slice(2);
if (names.includes('--help') || names.includes('-h')) {
  say(usage());
} else {
  const parts = selectParts(names);
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => interrupted.abort());
  }
  process.exitCode = parts === undefined ? 2 : await runParts(parts, interrupted.signal);
}
