import timers from 'node:timers/promises';
import { toError } from '@switchboard/contract';
import type { AgentProfile, RunEvent } from '@switchboard/contract';
import type { Answer, ChatCall, ChatProvider, ProviderRequest } from './chat-provider.ts';
import { ProviderFailure } from './provider-failure.ts';
import { retryDelayMs } from './retry-delay.ts';
import type { RunTimer } from './run-timer.ts';
import type { RunnerContext } from './runner-context.ts';

export interface TurnOptions {
  readonly provider: ChatProvider;
  readonly profile: AgentProfile;
  readonly body: ProviderRequest;
  readonly timer: RunTimer;
  readonly context: RunnerContext;
  readonly random: () => number;
}

/**
 * One answer of the model, in as many calls of the provider as it takes.
 *
 * - I1: the provider is called again only while nothing of this answer has been shown.
 * - I2: when the run's signal aborts, the provider's socket is closed at once.
 * - I3: however it ends, `close` leaves no timer, no listener and no connection in use.
 */
export class ModelTurn implements Answer {
  readonly #options: TurnOptions;
  readonly #call: ChatCall;
  #answer: Answer | undefined;
  #shown = false;
  #retries = 0;

  constructor(options: TurnOptions) {
    this.#options = options;
    const { body, context, timer } = options;
    this.#call = { body, requestId: context.requestId, signal: timer.signal };
  }

  /**
   * Waits for the next piece and appends its events, at least one, to `into`. False: the last one
   * was `completed`.
   * @throws SwitchboardError a `provider_*` code, a time-out; the reason of an aborted signal
   */
  async read(into: RunEvent[]): Promise<boolean> {
    const { timer } = this.#options;
    for (;;) {
      try {
        this.#call.signal.throwIfAborted();
        timer.waiting();
        this.#answer ??= await this.#open();
        const more = await this.#answer.read(into);
        timer.received();
        this.#shown = true;
        return more;
      } catch (thrown) {
        this.#call.signal.throwIfAborted();
        this.close();
        logFailure(thrown, this.#options.context);
        if (this.#shown) throw thrown;
        timer.retrying();
        await this.#waitForRetry(thrown);
        this.#retries += 1;
      }
    }
  }

  /** Gives the connection back, or closes it. Idempotent. */
  close(): void {
    this.#answer?.close();
    this.#answer = undefined;
  }

  async #open(): Promise<Answer> {
    const { provider, timer } = this.#options;
    const answer = await provider.open(this.#call);
    // Without a stream the headers are the first sign of life; silence after them is idleness.
    if (!this.#call.body.stream) {
      timer.received();
      timer.waiting();
    }
    return answer;
  }

  /** Returns when the provider is to be called again; throws when it is not. */
  async #waitForRetry(thrown: unknown): Promise<void> {
    const { context, profile, random, timer } = this.#options;
    const retries = this.#retries;
    if (!(thrown instanceof ProviderFailure) || !thrown.retryable) throw thrown;
    if (retries >= profile.max_retries) throw thrown;
    const waitMs = retryDelayMs(retries, thrown.retryAfterMs, random);
    // A wait that outlasts the first token's limit would only hide the provider's own reason.
    if (waitMs === undefined || waitMs >= timer.firstTokenLeftMs) throw thrown;
    const { run, requestId } = context;
    const fields = { run, requestId, code: thrown.code, retry: retries + 1, waitMs };
    context.log.info(fields, 'calling the provider again');
    try {
      await timers.setTimeout(waitMs, undefined, { signal: timer.signal });
    } catch (interrupted) {
      timer.signal.throwIfAborted();
      throw interrupted;
    }
  }
}

/** The code and its cause; not the message, in which a provider may have quoted the prompt. */
function logFailure(thrown: unknown, context: RunnerContext): void {
  if (!(thrown instanceof ProviderFailure)) return;
  const { run, requestId, attempt, log } = context;
  const { code, cause } = thrown;
  const reason = cause === undefined ? {} : { reason: toError(cause).message };
  log.warn({ run, requestId, attempt, code, ...reason }, 'the provider failed');
}
