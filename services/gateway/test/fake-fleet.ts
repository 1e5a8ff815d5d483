/** A fleet in memory that the test changes itself. */
import type { QueuePlace } from '../src/exchange/queue-progress.ts';
import type { FleetSource, PoolFacts } from '../src/pool-view/fleet-source.ts';

export const FACTS: PoolFacts = {
  pool: 'default',
  stale: false,
  slots: 10,
  busy: 10,
  free: 0,
  serviceMs: 1_234.56,
  workers: [
    {
      worker: 'secret-host-1',
      slots: 10,
      busy: 10,
      draining: false,
      serviceMs: 1_234.56,
      served: 7,
      startedAtMs: 1_700_000_000_999,
    },
  ],
  queue: {
    outstanding: 13,
    queued: 3,
    running: 10,
    bytes: 4_321,
    maxOutstanding: 10_000,
    maxBytes: 1_000_000,
    lanes: [
      { priority: 'high', lane: 1, pending: 2 },
      { priority: 'normal', lane: 2, pending: 1 },
    ],
  },
};

export class FakeFleet implements FleetSource {
  readonly pools = ['default'];
  facts = FACTS;
  refreshed = 0;
  /** Where every run that waits stands. */
  place: QueuePlace | undefined;
  readonly #listeners = new Set<() => void>();

  get watchers(): number {
    return this.#listeners.size;
  }

  change(facts: Partial<PoolFacts>): void {
    this.facts = { ...this.facts, ...facts };
    for (const listener of this.#listeners) listener();
  }

  state(): PoolFacts {
    return this.facts;
  }

  predict(): { waitMs: number; ratePerSecond: number } {
    return { waitMs: 370, ratePerSecond: 8.104 };
  }

  async refresh(): Promise<void> {
    this.refreshed += 1;
  }

  watch(_pool: string, listener: () => void): () => void {
    const entry = (): void => listener();
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }
}
