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
  /** Ends and closes the call. */
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
 *
 * - O1: it is closed when its signal aborts, whether somebody reads it or not: a module may hang,
 *   or never look at an answer again, and its place at the provider is not to wait for that.
 * - O2: whatever closes it, and whenever, it is in the run's account once.
 */
export class OpenCall implements Answer {
  readonly #options: OpenCallOptions;
  readonly #timer: RunTimer;
  readonly #account: RunAccount;
  readonly #turn: Answer;
  #failure: SwitchboardError | undefined;
  #isClosed = false;

  constructor(options: OpenCallOptions) {
    this.#options = options;
    const { profile, body, provider, context, counter, random, signal } = options;
    const timer = new RunTimer(limitsOf(profile, body.stream), signal);
    // Behind the timer's own listener: the provider is to hear why it is given up, and then to be
    // closed.
    signal.addEventListener('abort', this.#onAbort, { once: true });
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

  /** What it has used so far, all tries together; final when the answer is whole, or closed. */
  get used(): CallUsage | undefined {
    return this.#account.total;
  }

  async read(into: RunEvent[]): Promise<boolean> {
    try {
      return await this.#turn.read(into);
    } catch (thrown) {
      const { aborted, reason } = this.#timer.signal;
      // What is closed while it is being read may fail in words of its own.
      const failure: unknown = aborted ? reason : thrown;
      if (failure instanceof SwitchboardError) this.#failure = failure;
      this.close();
      throw failure;
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#turn.close();
    this.#timer.close();
    const { account, onClosed, signal } = this.#options;
    signal.removeEventListener('abort', this.#onAbort);
    const { used } = this;
    if (used !== undefined) account.add(used);
    account.calls += this.#account.calls;
    account.retries += this.#account.retries;
    account.fallbacks += this.#account.fallbacks;
    onClosed(this.#failure);
  }

  readonly #onAbort = (): void => {
    this.close();
  };
}
