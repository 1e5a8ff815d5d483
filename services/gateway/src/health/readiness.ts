import type { HealthChecks } from '@switchboard/platform/health';

/** Whether this gateway should be given new requests. */
export class Readiness {
  readonly #nats: () => boolean;
  #draining = false;

  /** `nats`: whether the queue can take requests, answered at once from what is known. */
  constructor(nats: () => boolean) {
    this.#nats = nats;
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
