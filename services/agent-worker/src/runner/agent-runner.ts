import { SwitchboardError } from '@switchboard/contract';
import type { AgentProfile, RunEvent, RunRequest } from '@switchboard/contract';
import { CheckedAnswer, strictSchema } from '../structured/checked-answer.ts';
import type { SchemaChecker } from '../structured/checked-answer.ts';
import type { Tool, ToolSource } from '../tools/tool.ts';
import { AgentLoop } from './agent-loop.ts';
import type { Answer, ChatProvider, ProviderRequest } from './chat-provider.ts';
import { ModelTurn } from './model-turn.ts';
import type { TurnOptions } from './model-turn.ts';
import { buildProviderRequest } from './provider-request.ts';
import { FittedAnswer } from './fitted-answer.ts';
import { RunAccount } from './run-account.ts';
import { RunTimer, limitsOf } from './run-timer.ts';
import type { RunnerContext } from './runner-context.ts';
import { TokenCounter } from './token-count.ts';
import { fitContext } from './truncate.ts';

/**
 * Runs one request: profile, model, events.
 *
 * - I1: ends with exactly one `completed`, or throws; never both.
 * - I2: when the signal aborts, everything the run has under way is stopped at once, also while the
 *   consumer holds the iterator at a `yield`.
 * - I3: however it ends, it leaves no timer, no listener and no connection in use.
 */
export class AgentRunner {
  readonly #profiles: ProfileSource;
  readonly #provider: ChatProvider;
  readonly #random: () => number;
  readonly #parts: RunnerParts;
  readonly #counter = new TokenCounter();

  constructor(
    profiles: ProfileSource | readonly AgentProfile[],
    provider: ChatProvider,
    random = Math.random,
    parts: RunnerParts = {},
  ) {
    this.#profiles = 'current' in profiles ? profiles : { current: { agents: profiles } };
    this.#provider = provider;
    this.#random = random;
    this.#parts = parts;
  }

  /**
   * The events of the run, pulled: the provider is read no faster than they are taken.
   *
   * @throws SwitchboardError `model_not_found`, `context_length_exceeded`, a `provider_*` code or
   *   one of the three time-outs; the signal's reason when that was aborted.
   */
  async *run(request: RunRequest, context: RunnerContext): AsyncGenerator<RunEvent, void> {
    // The gateway has matched wildcards; `agent` is a profile's name as it stands in the file.
    const { agents, version } = this.#profiles.current;
    const profile = agents.find(({ name }) => name === request.agent);
    if (profile === undefined) {
      throw new SwitchboardError('model_not_found', 'The worker does not know this agent.');
    }
    const body = buildProviderRequest(profile, request);
    const timer = new RunTimer(limitsOf(profile, request.stream), context.signal);
    const account = new RunAccount(context, profile.name, version);
    const lease = this.#provider.lease?.();
    const provider = lease ?? this.#provider;
    const { truncation } = request;
    const batch: RunEvent[] = [];
    let turn: Answer | undefined;
    try {
      turn = this.#answer({ profile, body, timer, context, account, provider, truncation });
      for (let more = true; more;) {
        more = await turn.read(batch);
        // The reader may leave with the last event.
        if (!more) account.end('completed');
        for (const event of batch) yield event;
        batch.length = 0;
      }
    } catch (thrown) {
      turn?.close();
      if (context.signal.aborted) throw thrown;
      account.end(thrown instanceof SwitchboardError ? thrown.code : 'internal_error');
      // What failed has cost something, too.
      const used = account.takeFinal();
      if (used !== undefined) yield used;
      throw thrown;
    } finally {
      turn?.close();
      lease?.release();
      account.close();
      timer.close();
    }
  }

  /** One answer of the model, or of the model and the agent's own tools; no layer more. */
  #answer(run: RunParts): Answer {
    const { profile, body, timer, context, truncation } = run;
    const { signal } = timer;
    const random = this.#random;
    const asked = (next: ProviderRequest): Answer => new ModelTurn({ ...run, body: next, random });
    const fit = { counter: this.#counter, signal };
    const ask = (next: ProviderRequest): Answer => {
      if ((truncation ?? profile.truncation) !== 'auto') return asked(next);
      return new FittedAnswer(() => fitContext(next, profile, fit), asked);
    };
    const tools = this.#toolsOf(profile, context);
    const { checker } = this.#parts;
    const schema = checker === undefined ? undefined : strictSchema(body);
    const holdText = schema !== undefined;
    const answer =
      tools.length === 0
        ? ask(body)
        : new AgentLoop({ tools, profile, body, context, signal, ask, holdText });
    if (checker === undefined || schema === undefined) return answer;
    return new CheckedAnswer(answer, (text) => checker.check(schema, text, signal));
  }

  #toolsOf(profile: AgentProfile, { run, requestId, log }: RunnerContext): readonly Tool[] {
    const found = this.#parts.tools?.toolsFor(profile);
    if (found === undefined) return [];
    const { tools, problems } = found;
    if (problems.length > 0) log.info({ run, requestId, problems }, 'some tools are missing');
    return tools;
  }
}

/** What runs may use besides the model: without it there are no tools, and nothing is checked. */
export interface RunnerParts {
  readonly tools?: ToolSource;
  readonly checker?: SchemaChecker;
}

/** Where profiles come from. A run has those that are there when it begins. */
export interface ProfileSource {
  readonly current: {
    readonly agents: readonly AgentProfile[];
    /** Of the file that they are from. */
    readonly version?: string;
  };
}

type RunParts = Omit<TurnOptions, 'random'> & Pick<RunRequest, 'truncation'>;
