import type { HealthChecks } from '@switchboard/platform/health';

/** Whether this gateway should be given new requests. */
export class Readiness {
  readonly #nats: () => boolean;
  readonly #problem: () => string | undefined;
  #draining = false;

  /**
   * `nats`: whether the queue can take requests, answered at once from what is known; `problem`:
   * what a person must put right before it can.
   */
  constructor(nats: () => boolean, problem: () => string | undefined = () => undefined) {
    this.#nats = nats;
    this.#problem = problem;
  }

  get problem(): string | undefined {
    return this.#problem();
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** For good. */
  stop(): void {
    this.#draining = true;
  }

  checks(): HealthChecks {
    return { nats: this.#nats(), accepting: !this.#draining };
  }
}
