import { toError } from '@switchboard/contract';
import type { RunnerContext } from '../runner/runner-context.ts';
import { ToolError } from './tool.ts';
import type { Tool } from './tool.ts';

export interface ToolRunOptions {
  readonly context: RunnerContext;
  readonly callId: string;
  readonly timeoutMs: number;
  /** The run's. */
  readonly signal: AbortSignal;
}

/**
 * Calls a tool for as long as it may take. A tool that ignores its signal is left behind: nothing
 * that it does later is heard.
 * @throws ToolError what the model is told; the reason of the run's signal when that aborts
 */
export async function runTool(
  tool: Tool,
  input: unknown,
  { context, callId, timeoutMs, signal }: ToolRunOptions,
): Promise<string> {
  const { run, requestId } = context;
  const controller = new AbortController();
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = (reason: unknown): void => {
    controller.abort(reason);
    reject(toError(reason));
  };
  const onAbort = (): void => stop(signal.reason);
  const timer = setTimeout(() => stop(new ToolError(tooLong(timeoutMs))), timeoutMs);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    const call = { signal: controller.signal, run, requestId, callId };
    // A tool is others' code: it may throw before it returns a promise, and return anything.
    const output: unknown = await Promise.race([
      (async () => await tool.run(input, call))(),
      stopped,
    ]);
    if (typeof output === 'string') return output;
    throw new TypeError('the tool returned no text');
  } catch (thrown) {
    signal.throwIfAborted();
    if (thrown instanceof ToolError) {
      if (controller.signal.aborted) logFailure(context, tool, 'a tool took too long');
      throw thrown;
    }
    logFailure(context, tool, 'a tool failed', toError(thrown));
    throw new ToolError('The tool failed.');
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

function tooLong(timeoutMs: number): string {
  return `The tool took longer than ${timeoutMs / 1_000} seconds and was stopped.`;
}

/** Where it failed, and not its message, which may quote what the tool was given. */
function logFailure(context: RunnerContext, tool: Tool, message: string, error?: Error): void {
  const { run, requestId, log } = context;
  const { name, source } = tool;
  const at = error?.stack?.split('\n').find((line) => /^\s+at /.test(line));
  const reason = error === undefined ? {} : { error: error.name, at: at?.trim() };
  log.warn({ run, requestId, tool: name, source, ...reason }, message);
}
