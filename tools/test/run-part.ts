import { appendFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

import { filesOf } from './parts.ts';
import type { Command, Part } from './parts.ts';
import { runCommand } from './run-command.ts';
import type { RunContext } from './run-command.ts';
import { runFile } from './run-file.ts';
import type { TestResult } from './test-event.ts';

export interface PartOutcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** False when the part had neither a command nor a file. */
  readonly ran: boolean;
}

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
  // As many lines of work as files may run at once, each taking the next file.
  const queue = files.values();
  const runQueue = async (): Promise<void> => {
    for (const file of queue) {
      if (context.signal.aborted) return;
      for (const result of await runFile(file, part, log, context)) {
        outcome[result.outcome] += 1;
        if (result.outcome === 'failed') showFailure(file, result, context);
      }
    }
  };
  await Promise.all(Array.from({ length: part.concurrency }, runQueue));
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
    if (context.signal.aborted) return false;
    const { code, lines } = await runCommand(command, part.timeoutMs, context);
    const shown = [relative(context.root, command.command), ...command.arguments].join(' ');
    appendFileSync(log, [`$ ${shown}`, ...lines, ''].join('\n'));
    if (code === 0) continue;
    good = false;
    context.say(`  ✖ ${shown} (${code === null ? 'killed' : `exit code ${code}`})`);
    for (const line of lines) context.say(`    ${line}`);
  }
  return good;
}

function showFailure(file: string, result: TestResult, context: RunContext): void {
  context.say(`  ✖ ${result.name} (${file})`);
  for (const line of (result.error ?? '').split('\n')) context.say(`    ${line}`);
}
