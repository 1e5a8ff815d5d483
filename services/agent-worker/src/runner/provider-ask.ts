import type { AgentProfile } from '@switchboard/contract';
import type { ProviderRequest } from './chat-provider.ts';

/** A provider and the request that it is to be sent. */
export interface ProviderChoice {
  readonly provider: string;
  readonly body: ProviderRequest;
}

/** Whom an agent's request may be sent to, in this order: its provider, then its fallbacks. */
export function choicesOf(profile: AgentProfile, body: ProviderRequest): readonly ProviderChoice[] {
  const { provider, fallback } = profile;
  const others = fallback.map((other) => ({
    provider: other.provider,
    body: { ...body, model: other.model },
  }));
  return [{ provider, body }, ...others];
}

/** One provider that is being asked, in as many calls as it takes: given up all at once. */
export class ProviderAsk {
  readonly choice: ProviderChoice;
  readonly #controller = new AbortController();
  readonly #run: AbortSignal;

  /** @param run Gives it up, too. */
  constructor(choice: ProviderChoice, run: AbortSignal) {
    this.choice = choice;
    this.#run = run;
    if (run.aborted) this.#onRunAbort();
    else run.addEventListener('abort', this.#onRunAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  giveUp(reason: Error): void {
    this.#controller.abort(reason);
  }

  /** Leaves no listener behind. Idempotent. */
  close(): void {
    this.#run.removeEventListener('abort', this.#onRunAbort);
  }

  readonly #onRunAbort = (): void => {
    this.#controller.abort(this.#run.reason);
  };
}
