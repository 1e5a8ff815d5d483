import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

import { ManagedProcess, ProcessStartError } from '@switchboard/stack';

import type { Command } from './parts.ts';

export interface RunContext {
  readonly root: string;
  /** Where the full logs go. */
  readonly logDirectory: string;
  /** Prints a line for the person who waits. */
  readonly say: (line: string) => void;
  /** Kills what runs. */
  readonly signal: AbortSignal;
}

export interface CommandResult {
  /** Null when the command was killed or did not start. */
  readonly code: number | null;
  readonly lines: readonly string[];
}

/** Far above what any command prints that a person would read. */
const LINES_MAX = 5_000;

/** A test's result with its error is one line. */
const LINE_LENGTH_MAX = 256 * 1024;

/**
 * Runs a command from the root to its end and returns its output. `onLine` may call `kill`; the
 * context's signal does so too.
 */
export async function runCommand(
  command: Command,
  timeoutMs: number,
  context: RunContext,
  onLine?: (line: string, kill: () => void) => void,
): Promise<CommandResult> {
  let kill = (): void => undefined;
  try {
    const child = await ManagedProcess.spawn({
      name: command.command,
      command: command.command,
      arguments: command.arguments,
      cwd: context.root,
      env: environment(context.root),
      onLine: onLine === undefined ? undefined : (line) => onLine(line, () => kill()),
      linesMax: LINES_MAX,
      lineLengthMax: LINE_LENGTH_MAX,
    });
    kill = () => child.killGroup();
    const stop = AbortSignal.any([context.signal, AbortSignal.timeout(timeoutMs)]);
    if (stop.aborted) kill();
    stop.addEventListener('abort', kill);
    const { code } = await child.exited;
    stop.removeEventListener('abort', kill);
    // Some tools colour their output whatever they are told.
    return { code, lines: child.logs().map((line) => stripVTControlCharacters(line)) };
  } catch (error) {
    if (!(error instanceof ProcessStartError)) throw error;
    return { code: null, lines: [error.message] };
  }
}

/** This process's environment, without what changes how tools colour and report their output. */
function environment(root: string): NodeJS.ProcessEnv {
  const bin = join(root, 'node_modules', '.bin');
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}`, NO_COLOR: '1' };
  const dropped = new Set(['FORCE_COLOR', 'NODE_OPTIONS', 'NODE_TEST_CONTEXT']);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !dropped.has(name)));
}
