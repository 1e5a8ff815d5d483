import type { Agent } from '@switchboard/agent';
import { SwitchboardError } from '@switchboard/contract';
import type { AgentProfile, RunEvent, RunRequest } from '@switchboard/contract';
import type { ChatProvider } from '../runner/chat-provider.ts';
import { RunAccount } from '../runner/run-account.ts';
import { RunTimer } from '../runner/run-timer.ts';
import type { RunnerContext } from '../runner/runner-context.ts';
import { TokenCounter } from '../runner/token-count.ts';
import type { ToolSource } from '../tools/tool.ts';
import { CodeRun } from './code-run.ts';
import type { LineLog } from './module-log.ts';

/**
 * How long a module may take to end when its run is over. Shorter than the transport waits for a
 * handler that it has stopped: what is left behind is the module, and is handed over to be counted.
 */
const STOP_MS = 5_000;

/** An agent that a module defines, and its limits as they are now. */
export interface CodeAgent {
  readonly agent: Agent;
  readonly profile: AgentProfile;
  /** Of the agents' file that these are from. */
  readonly version?: string | undefined;
}

export interface CodeAgentRunnerOptions {
  /** By name; asked at the start of each run. */
  readonly find: (name: string) => CodeAgent | undefined;
  readonly provider: ChatProvider;
  readonly tools: ToolSource;
  /** Of the modules. */
  readonly log: LineLog;
  readonly random?: () => number;
  /** Default 5,000 ms. */
  readonly stopMs?: number;
}

/**
 * Runs the agents that modules define.
 *
 * - C1: ends with exactly one `completed`, or throws; never both.
 * - C2: when the run is over, whatever ended it, the module's signal is aborted, and with it every
 *   call of a model or a tool that is under way.
 * - C3: a module that goes on all the same is waited for 5 s; then the slot does not wait any more,
 *   and nothing that the module still does is heard.
 */
export class CodeAgentRunner {
  readonly #options: CodeAgentRunnerOptions;
  readonly #counter = new TokenCounter();

  constructor(options: CodeAgentRunnerOptions) {
    this.#options = options;
  }

  has(name: string): boolean {
    return this.#options.find(name) !== undefined;
  }

  /**
   * The events of the run, pulled: the module goes on no faster than they are taken.
   * @throws SwitchboardError `agent_failed`, `too_many_steps`, `run_timeout`, what the module's
   *   AgentError or a call of a model says; the signal's reason when that was aborted
   */
  async *run(request: RunRequest, context: RunnerContext): AsyncGenerator<RunEvent, void> {
    const found = this.#options.find(request.agent);
    if (found === undefined) {
      throw new SwitchboardError('model_not_found', 'The worker does not know this agent.');
    }
    const { profile } = found;
    const account = new RunAccount(context, profile.name, found.version);
    const lease = this.#options.provider.lease?.();
    const provider = lease ?? this.#options.provider;
    const leave = new AbortController();
    const onAbort = (): void => leave.abort(context.signal.reason);
    context.signal.addEventListener('abort', onAbort, { once: true });
    if (context.signal.aborted) onAbort();
    const timer = new RunTimer(wholeRun(profile), leave.signal);
    const { signal } = timer;
    const giveUp = (failure: SwitchboardError): void => leave.abort(failure);
    const counter = this.#counter;
    const about = { ...this.#options, ...found, provider, request, context, counter };
    const run = new CodeRun({ ...about, signal, account, giveUp });
    const stop = (reason: unknown): Promise<void> => {
      leave.abort(reason);
      return run.stopped(this.#options.stopMs ?? STOP_MS);
    };
    const batch: RunEvent[] = [];
    try {
      while (await run.read(batch)) {
        for (const event of batch) yield event;
        batch.length = 0;
      }
      signal.throwIfAborted();
      const end = await run.end;
      // What the module has left open is closed, and counts.
      await stop(new Error('the run is over'));
      account.end('completed');
      const used = account.takeEvent();
      if (used !== undefined) yield used;
      yield end;
    } catch (thrown) {
      await stop(thrown);
      if (context.signal.aborted) throw thrown;
      account.end(thrown instanceof SwitchboardError ? thrown.code : 'internal_error');
      // What failed has cost something, too, or nothing at all.
      const used = account.takeFinal();
      if (used !== undefined) yield used;
      throw thrown;
    } finally {
      await stop(new Error('the run is over'));
      context.signal.removeEventListener('abort', onAbort);
      lease?.release();
      account.close();
      timer.close();
    }
  }
}

/** The limits on tokens are for each call of a model; the module's own silence has none. */
function wholeRun({ timeout }: AgentProfile): ConstructorParameters<typeof RunTimer>[0] {
  const runMs = timeout * 1_000;
  return { runMs, firstTokenMs: runMs + 1, idleMs: runMs + 1 };
}
