import { appendFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ManagedProcess, ProcessStartError } from '@switchboard/stack';

import { filesOf } from './parts.ts';
import type { Command, Part } from './parts.ts';
import { parseResult } from './test-event.ts';
import type { TestResult } from './test-event.ts';

export interface PartOutcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** False when the part had neither a command nor a file. */
  readonly ran: boolean;
}

export interface RunContext {
  readonly root: string;
  /** Where the full logs go. */
  readonly logDirectory: string;
  /** Prints a line for the person who waits. */
  readonly say: (line: string) => void;
  /** Kills what runs. */
  readonly signal: AbortSignal;
}

const REPORTER = fileURLToPath(new URL('reporter.ts', import.meta.url));

/** Far above what any command prints that a person would read. */
const COMMAND_LINES_MAX = 5_000;

/** A result with a long error is one line. */
const RESULT_LENGTH_MAX = 1024 * 1024;

/** Runs the commands of a part, then its test files. Prints failures in full as they happen. */
export async function runPart(part: Part, context: RunContext): Promise<PartOutcome> {
  const commands = part.commands(context.root);
  const files = filesOf(part, context.root);
  const log = join(context.logDirectory, `${part.name}.log`);
  writeFileSync(log, '');
  const outcome = { passed: 0, failed: 0, skipped: 0, ran: commands.length + files.length > 0 };

  if (commands.length > 0) {
    const good = await runCommands(commands, part, log, context);
    outcome[good ? 'passed' : 'failed'] += 1;
  }
  if (files.length > 0) {
    const complete = await runFiles(files, part, log, context, (result) => {
      outcome[result.outcome] += 1;
      if (result.outcome === 'failed') showFailure(result, context);
    });
    // The runner failed and no test did: it crashed, or was killed for taking too long.
    if (!complete && outcome.failed === 0) outcome.failed += 1;
  }
  return outcome;
}

/** Runs all of the commands, even after a failure, and shows the output of those that fail. */
async function runCommands(
  commands: readonly Command[],
  part: Part,
  log: string,
  context: RunContext,
): Promise<boolean> {
  let good = true;
  for (const command of commands) {
    const { code, lines } = await run(command, part, context, undefined);
    const text = lines.map((line) => `${line}\n`).join('');
    const shown = [relative(context.root, command.command), ...command.arguments].join(' ');
    appendFileSync(log, `$ ${shown}\n${text}`);
    if (code === 0) continue;
    good = false;
    context.say(`  ✖ ${shown} (exit code ${String(code)})`);
    for (const line of lines) context.say(`    ${line}`);
  }
  return good;
}

/** Runs test files with Node's runner; false when the runner itself did not end well. */
async function runFiles(
  files: readonly string[],
  part: Part,
  log: string,
  context: RunContext,
  onResult: (result: TestResult) => void,
): Promise<boolean> {
  const command: Command = {
    command: process.execPath,
    arguments: [
      '--test',
      `--test-concurrency=${part.concurrency}`,
      `--test-timeout=${part.timeoutMs}`,
      '--test-reporter=spec',
      `--test-reporter-destination=${log}`,
      `--test-reporter=${REPORTER}`,
      '--test-reporter-destination=stdout',
      ...files,
    ],
  };
  const { code, lines } = await run(command, part, context, (line) => {
    const result = parseResult(line);
    if (result !== undefined) onResult(result);
  });
  if (code !== 0 && lines.every((line) => parseResult(line)?.outcome !== 'failed')) {
    context.say(`  ✖ the test runner ended with exit code ${String(code)}; its last lines:`);
    for (const line of lines.slice(-20)) context.say(`    ${line.slice(0, 500)}`);
  }
  return code === 0;
}

async function run(
  command: Command,
  part: Part,
  context: RunContext,
  onLine: ((line: string) => void) | undefined,
): Promise<{ code: number | null; lines: readonly string[] }> {
  context.signal.throwIfAborted();
  const { PATH = '' } = process.env;
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: `${join(context.root, 'node_modules', '.bin')}:${PATH}`,
    NO_COLOR: '1',
  };
  // A terminal's colours would end up in the logs; the others change how Node's runner reports.
  for (const name of ['FORCE_COLOR', 'NODE_OPTIONS', 'NODE_TEST_CONTEXT']) delete env[name];
  try {
    const child = await ManagedProcess.spawn({
      name: part.name,
      command: command.command,
      arguments: command.arguments,
      cwd: context.root,
      env,
      onLine,
      linesMax: COMMAND_LINES_MAX,
      lineLengthMax: RESULT_LENGTH_MAX,
    });
    const onAbort = (): void => child.killGroup();
    context.signal.addEventListener('abort', onAbort);
    const timer = setTimeout(() => {
      context.say(`  ✖ ${part.name} took longer than ${part.timeoutMs / 60_000} min`);
      child.killGroup();
    }, part.timeoutMs);
    const { code } = await child.exited;
    clearTimeout(timer);
    context.signal.removeEventListener('abort', onAbort);
    return { code, lines: child.logs() };
  } catch (error) {
    if (!(error instanceof ProcessStartError)) throw error;
    return { code: null, lines: [error.message] };
  }
}

function showFailure(result: TestResult, context: RunContext): void {
  const file = result.file === '' ? '' : ` (${relative(context.root, result.file)})`;
  context.say(`  ✖ ${result.name}${file}`);
  for (const line of (result.error ?? '').split('\n')) context.say(`    ${line}`);
}
