import timers from 'node:timers/promises';
import { SwitchboardError, toError } from '@switchboard/contract';
import type { AgentProfile, RunEvent } from '@switchboard/contract';
import { CallMeter } from './call-meter.ts';
import type { Answer, ChatProvider, ProviderRequest } from './chat-provider.ts';
import { ProviderAsk, choicesOf } from './provider-ask.ts';
import type { ProviderChoice } from './provider-ask.ts';
import { ProviderFailure } from './provider-failure.ts';
import { RETRY_LONGEST_MS, retryDelayMs } from './retry-delay.ts';
import type { RunAccount } from './run-account.ts';
import type { RunTimer } from './run-timer.ts';
import type { RunnerContext } from './runner-context.ts';

export interface TurnOptions {
  readonly provider: ChatProvider;
  readonly profile: AgentProfile;
  readonly body: ProviderRequest;
  readonly timer: RunTimer;
  readonly context: RunnerContext;
  readonly account: RunAccount;
  readonly random: () => number;
}

/**
 * One answer of the model, in as many calls of as many providers as it takes.
 *
 * - I1: a provider is called again, or another one, only while nothing of this answer was shown.
 * - I2: when the run's signal aborts, the provider's socket is closed at once.
 * - I3: however it ends, `close` leaves no timer, no listener and no connection in use.
 * - I4: what a call has used is in the account when it is over; the answer's `usage` event is the
 *   run's total.
 */
export class ModelTurn implements Answer {
  readonly #options: TurnOptions;
  readonly #choices: readonly ProviderChoice[];
  #position = 0;
  #ask: ProviderAsk | undefined;
  #answer: Answer | undefined;
  #meter: CallMeter | undefined;
  #shown = false;
  #retries = 0;

  constructor(options: TurnOptions) {
    this.#options = options;
    this.#choices = choicesOf(options.profile, options.body);
  }

  /**
   * Waits for the next piece and appends its events, at least one, to `into`. False: the last one
   * was `completed`.
   * @throws SwitchboardError a `provider_*` code, a time-out; the reason of an aborted signal
   */
  async read(into: RunEvent[]): Promise<boolean> {
    const { timer } = this.#options;
    const start = into.length;
    // No function for what is done with each piece: it would cost every token a promise.
    for (;;) {
      try {
        timer.signal.throwIfAborted();
        this.#ask ??= this.#begin();
        timer.waiting();
        this.#answer ??= await this.#open(this.#ask);
        const more = await this.#answer.read(into);
        timer.received();
        this.#meter?.take(into, start);
        // It was given up in the very turn in which it answered: somebody else is asked.
        if (this.#ask.signal.aborted) into.length = start;
        this.#ask.signal.throwIfAborted();
        // The usage may have come alone.
        if (more && into.length === start) continue;
        if (!more) this.#sayUsage(into);
        this.#shown = true;
        return more;
      } catch (thrown) {
        await this.#recover(thrown);
      }
    }
  }

  /** Gives the connection back, or closes it. What its call has used is known then. Idempotent. */
  close(): void {
    this.#closeCall();
    this.#ask?.close();
  }

  #begin(): ProviderAsk {
    const { timer } = this.#options;
    const choice = this.#choices[this.#position];
    if (choice === undefined) throw new TypeError('there is no such provider to ask');
    const ask = new ProviderAsk(choice, timer.signal);
    timer.asking((error) => {
      if (this.#shown || this.#position + 1 >= this.#choices.length) return false;
      ask.giveUp(error);
      return true;
    });
    return ask;
  }

  async #open({ choice, signal }: ProviderAsk): Promise<Answer> {
    const { account, context, provider, timer } = this.#options;
    const meter = new CallMeter(choice.body);
    this.#meter = meter;
    const onSend = (): void => {
      meter.sent();
      account.calls += 1;
    };
    const onPiece = (): void => {
      timer.received();
      timer.waiting();
    };
    const { requestId } = context;
    let answer: Answer;
    try {
      answer = await provider.open({ ...choice, requestId, signal, onSend, onPiece });
    } catch (thrown) {
      if (!signal.aborted) meter.refused();
      throw thrown;
    }
    // Without a stream the headers are the first sign of life, and each piece of the body is
    // another: some endpoints send blanks while they work. Silence after one is idleness.
    if (!choice.body.stream) onPiece();
    return answer;
  }

  /** The answer is whole: the total of the run comes before its `completed`. */
  #sayUsage(into: RunEvent[]): void {
    this.close();
    const total = this.#options.account.takeEvent();
    if (total !== undefined) into.splice(-1, 0, total);
  }

  #closeCall(): void {
    this.#answer?.close();
    this.#answer = undefined;
    const used = this.#meter?.used();
    this.#meter = undefined;
    if (used === undefined || this.#ask === undefined) return;
    const { account, provider } = this.#options;
    account.add({ ...used, cost: provider.cost?.(this.#ask.choice, used.usage) });
  }

  /** Returns when a provider is to be called again; throws when none is. */
  async #recover(thrown: unknown): Promise<void> {
    const { context, timer } = this.#options;
    const signal = this.#ask?.signal;
    const failure: unknown = signal?.aborted === true ? signal.reason : thrown;
    this.#closeCall();
    timer.signal.throwIfAborted();
    logFailure(failure, this.#choices[this.#position]?.provider, context);
    if (this.#shown) throw failure;
    if (await this.#waitForRetry(failure)) return;
    this.#fallBack(failure);
  }

  /** False: the provider is not to be called again. */
  async #waitForRetry(failure: unknown): Promise<boolean> {
    const { account, context, profile, random, timer } = this.#options;
    const retries = this.#retries;
    if (!(failure instanceof ProviderFailure) || !failure.retryable) return false;
    if (retries >= profile.max_retries) return false;
    const waitMs = retryDelayMs(retries, failure.retryAfterMs, random);
    // A wait that outlasts the first token's limit would only hide the provider's own reason.
    if (waitMs === undefined || waitMs >= timer.firstTokenLeftMs) return false;
    if (waitMs > RETRY_LONGEST_MS && this.#position + 1 < this.#choices.length) return false;
    timer.retrying();
    const { run, requestId } = context;
    const fields = { run, requestId, code: failure.code, retry: retries + 1, waitMs };
    context.log.info(fields, 'calling the provider again');
    try {
      await timers.setTimeout(waitMs, undefined, { signal: timer.signal });
    } catch (interrupted) {
      timer.signal.throwIfAborted();
      throw interrupted;
    }
    this.#retries += 1;
    account.retries += 1;
    return true;
  }

  /** @throws the failure when no other provider is to be asked */
  #fallBack(failure: unknown): void {
    const { account, context } = this.#options;
    const [failed, next] = this.#choices.slice(this.#position);
    if (failed === undefined || next === undefined || !goesElsewhere(failure)) throw failure;
    this.#ask?.close();
    this.#ask = undefined;
    this.#position += 1;
    this.#retries = 0;
    account.fallbacks += 1;
    const { run, requestId } = context;
    const fields = { run, requestId, code: failure.code, from: failed.provider, to: next.provider };
    context.log.warn(fields, 'asking the next provider');
  }
}

/** Whether another provider may do better. */
function goesElsewhere(failure: unknown): failure is SwitchboardError {
  if (failure instanceof ProviderFailure) return failure.elsewhere;
  if (!(failure instanceof SwitchboardError)) return false;
  return failure.code === 'first_token_timeout' || failure.code === 'idle_timeout';
}

/** The code and its cause; not the message, in which a provider may have quoted the prompt. */
function logFailure(failure: unknown, provider: string | undefined, context: RunnerContext): void {
  if (!(failure instanceof SwitchboardError)) return;
  const { run, requestId, attempt, log } = context;
  const { code, cause } = failure;
  const reason = cause === undefined ? {} : { reason: toError(cause).message };
  log.warn({ run, requestId, attempt, provider, code, ...reason }, 'the provider failed');
}
