import { SwitchboardError } from '@switchboard/contract';
import type { AgentProfile, RunEvent } from '@switchboard/contract';
import type { Answer, ChatProvider, ProviderRequest } from '../runner/chat-provider.ts';
import { FittedAnswer } from '../runner/fitted-answer.ts';
import { ModelTurn } from '../runner/model-turn.ts';
import { RunAccount } from '../runner/run-account.ts';
import type { CallUsage } from '../runner/run-account.ts';
import { RunTimer, limitsOf } from '../runner/run-timer.ts';
import type { RunnerContext } from '../runner/runner-context.ts';
import type { TokenCounter } from '../runner/token-count.ts';
import { fitContext } from '../runner/truncate.ts';

export interface OpenCallOptions {
  readonly profile: AgentProfile;
  readonly body: ProviderRequest;
  readonly provider: ChatProvider;
  readonly context: RunnerContext;
  /** Ends the call. */
  readonly signal: AbortSignal;
  /** The run's. */
  readonly account: RunAccount;
  readonly random: () => number;
  /** Set where a conversation that is too long is to be made to fit. */
  readonly counter: TokenCounter | undefined;
  /** The call is over, and in the account. */
  readonly onClosed: (failure: SwitchboardError | undefined) => void;
}

/**
 * One call of a model that a module makes: with the time-outs of its own, and counted by itself
 * before it is added to the run's account, as the module is told what it used.
 */
export class OpenCall implements Answer {
  readonly #options: OpenCallOptions;
  readonly #timer: RunTimer;
  readonly #account: RunAccount;
  readonly #turn: Answer;
  #used: CallUsage | undefined;
  #failure: SwitchboardError | undefined;
  #isClosed = false;

  constructor(options: OpenCallOptions) {
    this.#options = options;
    const { profile, body, provider, context, counter, random, signal } = options;
    const timer = new RunTimer(limitsOf(profile, body.stream), signal);
    const account = new RunAccount(context, profile.name);
    this.#timer = timer;
    this.#account = account;
    const parts = { provider, profile, timer, context, account, random };
    const ask = (asked: ProviderRequest): Answer => new ModelTurn({ ...parts, body: asked });
    if (counter === undefined) {
      this.#turn = ask(body);
    } else {
      const fit = { counter, signal: timer.signal };
      this.#turn = new FittedAnswer(() => fitContext(body, profile, fit), ask);
    }
  }

  /** What it has used, all tries together; known when the answer is whole, or closed. */
  get used(): CallUsage | undefined {
    return this.#used;
  }

  async read(into: RunEvent[]): Promise<boolean> {
    try {
      const more = await this.#turn.read(into);
      if (!more) this.#used = into.findLast((event) => event.type === 'usage');
      return more;
    } catch (thrown) {
      if (thrown instanceof SwitchboardError) this.#failure = thrown;
      this.close();
      throw thrown;
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#turn.close();
    this.#timer.close();
    const { account, onClosed } = this.#options;
    this.#used ??= this.#account.takeEvent();
    if (this.#used !== undefined) account.add(this.#used);
    account.calls += this.#account.calls;
    account.retries += this.#account.retries;
    account.fallbacks += this.#account.fallbacks;
    onClosed(this.#failure);
  }
}
