/** What runs in a thread of {@link IsolatedTools}: it calls an export of a module. */
import { boundedText } from './bounded-text.ts';

export interface IsolatedTask {
  /** URL of the module. */
  readonly module: string;
  /** Name of its export: a function, or an object with a method `run`. */
  readonly name: string;
  readonly input: unknown;
  /** Longest output that is handed back, in characters. */
  readonly charsMax: number;
}

/** Errors lose their class between threads: what the model is told travels as a value. */
export type IsolatedResult =
  | { readonly output: string }
  | { readonly told: string }
  | { readonly error: { readonly name: string; readonly stack: string | undefined } };

type Run = (input: unknown, context: object) => unknown;

/** The thread is ended when the call is: there is nothing else for a tool to listen to. */
const CONTEXT = {
  signal: new AbortController().signal,
  log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
};

export async function runIsolated(task: IsolatedTask): Promise<IsolatedResult> {
  try {
    const exported = ((await import(task.module)) as Record<string, unknown>)[task.name];
    const output = await runOf(exported)(task.input, CONTEXT);
    const text = typeof output === 'string' ? output : JSON.stringify(output);
    return { output: boundedText(text ?? '', task.charsMax) };
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const { name, message, stack } = error;
    if (name === 'ToolError') return { told: boundedText(message, task.charsMax) };
    return { error: { name, stack } };
  }
}

function runOf(exported: unknown): Run {
  if (typeof exported === 'function') return exported as Run;
  const run = (exported as { run?: unknown } | null | undefined)?.run;
  if (typeof run !== 'function') throw new TypeError('the module has no such export to run');
  return (run as Run).bind(exported);
}
