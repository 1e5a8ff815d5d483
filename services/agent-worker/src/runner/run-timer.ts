import { SwitchboardError } from '@switchboard/contract';
import type { AgentProfile } from '@switchboard/contract';

export interface RunLimits {
  /** From asking a model, retries included, to its first token. */
  readonly firstTokenMs: number;
  /** Longest wait for the provider between two tokens, or two pieces of an unstreamed answer. */
  readonly idleMs: number;
  readonly runMs: number;
}

/** Without a stream nothing need come before the answer is whole: that has the run's limit. */
export function limitsOf(profile: AgentProfile, stream: boolean): RunLimits {
  const runMs = profile.timeout * 1_000;
  return {
    firstTokenMs: stream ? profile.first_token_timeout * 1_000 : runMs + 1,
    idleMs: profile.idle_timeout * 1_000,
    runMs,
  };
}

/** Is given a time-out that need not end the run; says whether it took it. */
export type Spare = (error: SwitchboardError) => boolean;

/**
 * The one signal of a run: aborted with the caller's reason, or with the time-out that passed
 * first. Time in which nobody waits for the provider (a slow reader) counts only for the run.
 *
 * One timer serves all limits. It is never re-armed by a token: a token only notes the time, and
 * the timer, when it fires early, looks how long it still has. Invariant: it is armed for no later
 * than the first limit that could pass.
 */
export class RunTimer {
  readonly #controller = new AbortController();
  readonly #limits: RunLimits;
  readonly #parent: AbortSignal;
  readonly #nowMs: () => number;
  readonly #startedMs: number;
  /** Since when the present model is asked. */
  #askedMs: number;
  #spare: Spare | undefined;
  #timer: NodeJS.Timeout | undefined;
  #firstToken = true;
  /** Since when the run waits for the provider; undefined while it does not. */
  #waitingSinceMs: number | undefined;

  constructor(limits: RunLimits, parent: AbortSignal, nowMs = () => performance.now()) {
    this.#limits = limits;
    this.#parent = parent;
    this.#nowMs = nowMs;
    this.#startedMs = nowMs();
    this.#askedMs = this.#startedMs;
    if (parent.aborted) {
      this.#onParentAbort();
      return;
    }
    parent.addEventListener('abort', this.#onParentAbort, { once: true });
    this.#arm(this.#startedMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * A model is asked, for the next step of the run or because another one has failed: the limit for
   * the first token counts from now. What `spare` takes, does not end the run.
   */
  asking(spare?: Spare): void {
    this.#askedMs = this.#nowMs();
    this.#spare = spare;
    this.retrying();
  }

  /** From now on the provider is waited for. */
  waiting(): void {
    this.#waitingSinceMs = this.#nowMs();
  }

  /** The provider has shown progress: the first-token limit gives way to the idle one. */
  received(): void {
    this.#waitingSinceMs = undefined;
    if (!this.#firstToken) return;
    this.#firstToken = false;
    this.#arm(this.#nowMs());
  }

  /** The provider is called again, nothing having been shown yet. */
  retrying(): void {
    this.#waitingSinceMs = undefined;
    this.#firstToken = true;
    this.#arm(this.#nowMs());
  }

  /** How long a retry may wait so that a token could still come in time. */
  get firstTokenLeftMs(): number {
    const { firstTokenMs, runMs } = this.#limits;
    return Math.min(this.#askedMs + firstTokenMs, this.#startedMs + runMs) - this.#nowMs();
  }

  /** Leaves no timer and no listener behind. Idempotent. */
  close(): void {
    clearTimeout(this.#timer);
    this.#parent.removeEventListener('abort', this.#onParentAbort);
  }

  readonly #onParentAbort = (): void => {
    clearTimeout(this.#timer);
    this.#controller.abort(this.#parent.reason);
  };

  #arm(nowMs: number): void {
    clearTimeout(this.#timer);
    if (this.#controller.signal.aborted) return;
    const untilMs = Math.min(this.#startedMs + this.#limits.runMs, this.#waitLimitMs(nowMs));
    // A timer may fire a fraction of a millisecond early; at least 1 keeps that from spinning.
    this.#timer = setTimeout(this.#onTimer, Math.max(1, Math.ceil(untilMs - nowMs)));
  }

  /** When the present wait, or one that began now, would be too long. */
  #waitLimitMs(nowMs: number): number {
    return this.#firstToken
      ? this.#askedMs + this.#limits.firstTokenMs
      : (this.#waitingSinceMs ?? nowMs) + this.#limits.idleMs;
  }

  readonly #onTimer = (): void => {
    const nowMs = this.#nowMs();
    const { firstTokenMs, idleMs, runMs } = this.#limits;
    if (nowMs >= this.#startedMs + runMs) {
      this.#expire('run_timeout', `The run took longer than ${inSeconds(runMs)}.`);
    } else if (nowMs < this.#waitLimitMs(nowMs)) {
      this.#arm(nowMs);
    } else if (this.#firstToken) {
      const message = `The model sent nothing within ${inSeconds(firstTokenMs)}.`;
      this.#expire('first_token_timeout', message);
    } else {
      this.#expire('idle_timeout', `The model was silent for longer than ${inSeconds(idleMs)}.`);
    }
  };

  #expire(code: 'run_timeout' | 'first_token_timeout' | 'idle_timeout', message: string): void {
    const error = new SwitchboardError(code, message);
    if (code === 'run_timeout' || this.#spare?.(error) !== true) {
      this.#controller.abort(error);
      return;
    }
    // Nobody is waited for until the next one is asked.
    this.#waitingSinceMs = undefined;
    this.#firstToken = false;
    this.#arm(this.#nowMs());
  }
}

function inSeconds(ms: number): string {
  return ms === 1_000 ? '1 second' : `${ms / 1_000} seconds`;
}
