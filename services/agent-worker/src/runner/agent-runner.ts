import timers from 'node:timers/promises';
import { SwitchboardError, toError } from '@switchboard/contract';
import type { AgentProfile, RunEvent, RunRequest } from '@switchboard/contract';
import type { Answer, ChatCall, ChatProvider } from './chat-provider.ts';
import { ProviderFailure } from './provider-failure.ts';
import { buildProviderRequest } from './provider-request.ts';
import { retryDelayMs } from './retry-delay.ts';
import { RunTimer, limitsOf } from './run-timer.ts';

export interface RunnerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface RunnerContext {
  readonly run: string;
  readonly requestId: string;
  /** Which hand-out of the request this is, from 1. */
  readonly attempt: number;
  /** Stops the run at once, in whatever state it is. */
  readonly signal: AbortSignal;
  readonly log: RunnerLog;
}

/**
 * Runs one agent turn: profile, provider, events.
 *
 * - I1: ends with exactly one `completed`, or throws; never both.
 * - I2: the provider is called again only while nothing has been shown.
 * - I3: when the signal aborts, the provider's socket is closed at once, also while the consumer
 *   holds the iterator at a `yield`.
 * - I4: however it ends, it leaves no timer, no listener and no connection in use.
 */
export class AgentRunner {
  readonly #profiles: ReadonlyMap<string, AgentProfile>;
  readonly #provider: ChatProvider;
  readonly #random: () => number;

  constructor(profiles: readonly AgentProfile[], provider: ChatProvider, random = Math.random) {
    this.#profiles = new Map(profiles.map((profile) => [profile.name, profile]));
    this.#provider = provider;
    this.#random = random;
  }

  /**
   * The events of the run, pulled: the provider is read no faster than they are taken.
   *
   * @throws SwitchboardError `model_not_found`, a `provider_*` code or one of the three time-outs;
   *   the signal's reason when that was aborted.
   */
  async *run(request: RunRequest, context: RunnerContext): AsyncGenerator<RunEvent, void> {
    // The gateway has matched wildcards; `agent` is a profile's name as it stands in the file.
    const profile = this.#profiles.get(request.agent);
    if (profile === undefined) {
      throw new SwitchboardError('model_not_found', 'The worker does not know this agent.');
    }
    const body = buildProviderRequest(profile, request);
    const timer = new RunTimer(limitsOf(profile, request.stream), context.signal);
    const call: ChatCall = { body, requestId: request.requestId, signal: timer.signal };
    const batch: RunEvent[] = [];
    let answer: Answer | undefined;
    let shown = false;
    let retries = 0;
    try {
      for (let more = true; more;) {
        try {
          call.signal.throwIfAborted();
          timer.waiting();
          answer ??= await this.#open(call, timer);
          more = await answer.read(batch);
          timer.received();
        } catch (thrown) {
          call.signal.throwIfAborted();
          answer?.close();
          answer = undefined;
          logFailure(thrown, context);
          if (shown) throw thrown;
          timer.retrying();
          await this.#waitForRetry(thrown, { retries, profile, timer, context });
          retries += 1;
          continue;
        }
        for (const event of batch) {
          shown = true;
          yield event;
        }
        batch.length = 0;
      }
    } finally {
      answer?.close();
      timer.close();
    }
  }

  async #open(call: ChatCall, timer: RunTimer): Promise<Answer> {
    const answer = await this.#provider.open(call);
    // Without a stream the headers are the first sign of life; silence after them is idleness.
    if (!call.body.stream) {
      timer.received();
      timer.waiting();
    }
    return answer;
  }

  /** Returns when the provider is to be called again; throws when it is not. */
  async #waitForRetry(
    thrown: unknown,
    state: { retries: number; profile: AgentProfile; timer: RunTimer; context: RunnerContext },
  ): Promise<void> {
    const { retries, profile, timer, context } = state;
    if (!(thrown instanceof ProviderFailure) || !thrown.retryable) throw thrown;
    if (retries >= profile.max_retries) throw thrown;
    const waitMs = retryDelayMs(retries, thrown.retryAfterMs, this.#random);
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
