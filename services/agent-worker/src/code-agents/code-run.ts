import timers from 'node:timers/promises';
import type { Agent } from '@switchboard/agent';
import { SwitchboardError } from '@switchboard/contract';
import type { AgentProfile, RunEvent, RunRequest } from '@switchboard/contract';
import type { ChatProvider } from '../runner/chat-provider.ts';
import { EventOutbox } from '../runner/event-outbox.ts';
import type { RunAccount } from '../runner/run-account.ts';
import type { RunnerContext } from '../runner/runner-context.ts';
import type { TokenCounter } from '../runner/token-count.ts';
import { ToolCalls } from '../tools/tool-calls.ts';
import type { ToolSource } from '../tools/tool.ts';
import { failureOf, logFailure } from './agent-failure.ts';
import { AgentOutput } from './agent-output.ts';
import { agentRequest } from './agent-request.ts';
import { LateCalls } from './late-calls.ts';
import { moduleLog } from './module-log.ts';
import type { LineLog } from './module-log.ts';
import { RunModel } from './run-model.ts';
import { RunTools } from './run-tools.ts';

/** After so many outputs the event loop has its turn: a module need not wait for anything. */
const OUTPUTS_AT_ONCE = 256;

export interface CodeRunOptions {
  readonly agent: Agent;
  readonly profile: AgentProfile;
  readonly request: RunRequest;
  readonly context: RunnerContext;
  readonly provider: ChatProvider;
  readonly tools: ToolSource;
  readonly log: LineLog;
  readonly account: RunAccount;
  /** Aborts when the run is over. */
  readonly signal: AbortSignal;
  readonly random?: (() => number) | undefined;
  readonly counter: TokenCounter;
  /** Ends the run with this failure. */
  readonly giveUp: (failure: SwitchboardError) => void;
}

type Completed = Extract<RunEvent, { type: 'completed' }>;

/** One run of a module: what it yields, and what its calls of tools show, as one row of events. */
export class CodeRun {
  /** Resolves when the module has returned; rejects with what ended it instead. */
  readonly end: Promise<Completed>;
  readonly #options: CodeRunOptions;
  readonly #agent: string;
  readonly #outbox = new EventOutbox();
  readonly #late: LateCalls;
  readonly #model: RunModel;
  #isOver = false;
  #stopped: Promise<void> | undefined;

  constructor(options: CodeRunOptions) {
    this.#options = options;
    const { profile, random = Math.random, signal } = options;
    this.#agent = profile.name;
    this.#late = new LateCalls(signal);
    this.#model = new RunModel({ ...options, random, late: this.#late });
    // The reader must not wait for a module that does not listen.
    signal.addEventListener('abort', () => this.#outbox.close(), { once: true });
    this.end = this.#begin();
    // Whoever was stopped in between does not ask for it.
    this.end.catch(() => undefined);
  }

  /** Waits for events and appends them. False: the module has ended, or the run is over. */
  async read(into: RunEvent[]): Promise<boolean> {
    const { signal } = this.#options;
    if (signal.aborted) return false;
    return (await this.#outbox.read(into)) && !signal.aborted;
  }

  /** Resolves when the module has ended, but after so long in any case. */
  stopped(withinMs: number): Promise<void> {
    return (this.#stopped ??= this.#waitForEnd(withinMs));
  }

  async #waitForEnd(withinMs: number): Promise<void> {
    if (!this.#isOver) {
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, withinMs);
      await Promise.race([this.end, late.promise]).catch(() => undefined);
      clearTimeout(timer);
    }
    if (this.#isOver) return;
    const { run, requestId, log, abandon } = this.#options.context;
    abandon?.(this.end);
    log.warn({ run, requestId, agent: this.#agent }, 'an agent in code goes on after its run');
  }

  async #begin(): Promise<Completed> {
    const { context, signal } = this.#options;
    try {
      signal.throwIfAborted();
      return await this.#drive();
    } catch (thrown) {
      signal.throwIfAborted();
      logFailure(thrown, this.#agent, context);
      throw failureOf(thrown, this.#agent, this.#model.failure);
    } finally {
      this.#isOver = true;
      this.#outbox.close();
    }
  }

  async #drive(): Promise<Completed> {
    const { account, agent, signal } = this.#options;
    const output = new AgentOutput(this.#agent, (usage) => account.add({ usage }));
    const iterator = this.#start(agent);
    let taken = 0;
    try {
      for (;;) {
        const { done, value } = await iterator.next();
        signal.throwIfAborted();
        const used = account.takeEvent();
        if (used !== undefined) await this.#show(used);
        if (done === true) return { type: 'completed', finishReason: output.finishReason(value) };
        const event = output.take(value);
        if (event !== undefined) await this.#show(event);
        taken += 1;
        if (taken % OUTPUTS_AT_ONCE === 0) await timers.setImmediate();
      }
    } catch (thrown) {
      // Lets it tidy up; a module that has thrown or returned has nothing left to do.
      await iterator.return?.(undefined);
      throw thrown;
    }
  }

  #start(agent: Agent): AsyncIterator<unknown, unknown> {
    const { context, log, profile, request, signal, tools: source } = this.#options;
    const { run, requestId } = context;
    const { tools, problems } = source.toolsFor(profile);
    if (problems.length > 0) {
      context.log.info({ run, requestId, problems }, 'some tools are missing');
    }
    const emit = async (event: RunEvent): Promise<void> => await this.#outbox.push(event);
    const calls = new ToolCalls({ tools, limits: profile, context, signal, emit });
    const outputs: AsyncIterable<unknown> | undefined = agent.run(agentRequest(request, context), {
      signal,
      model: this.#model,
      tools: new RunTools(tools, calls, this.#late),
      log: moduleLog(log, { run, requestId, agent: this.#agent }),
    });
    if (typeof outputs?.[Symbol.asyncIterator] === 'function') {
      return outputs[Symbol.asyncIterator]();
    }
    const message = `The agent ${this.#agent} is no async generator.`;
    throw new SwitchboardError('agent_failed', message);
  }

  /** Waits until the reader has taken it: the module goes on no faster. */
  async #show(event: RunEvent): Promise<void> {
    const { signal } = this.#options;
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const onAbort = (): void => resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    await Promise.race([this.#outbox.push(event), over]);
    signal.removeEventListener('abort', onAbort);
    signal.throwIfAborted();
  }
}
