/** Counters in memory, as exact as NATS's, whose answers come late and in any order. */
import type { SwitchboardError } from '@switchboard/contract';
import type { WindowCounters } from '../src/limits/caller-limits.ts';

export interface FakeClock {
  nowMs: number;
}

export class FakeCounters implements WindowCounters {
  readonly totals = new Map<string, number>();
  /** Calls made, by name. */
  readonly calls = { add: 0, read: 0, correct: 0 };
  /** Waited for before and after each call takes effect; the clock may go on meanwhile. */
  delay: () => Promise<void> = () => Promise.resolve();
  /** Set: every call fails like this. */
  failure: SwitchboardError | undefined;
  #correcting = Promise.resolve();

  /** When all corrections so far have taken effect. */
  get corrected(): Promise<void> {
    return this.#correcting;
  }

  total(key: string, window: number): number {
    return this.totals.get(`${key} ${window}`) ?? 0;
  }

  async add(key: string, window: number, amount: number): Promise<number> {
    this.calls.add += 1;
    await this.delay();
    if (this.failure !== undefined) throw this.failure;
    const total = this.#apply(key, window, amount);
    await this.delay();
    return total;
  }

  async read(key: string, window: number): Promise<number> {
    this.calls.read += 1;
    await this.delay();
    if (this.failure !== undefined) throw this.failure;
    const total = this.total(key, window);
    await this.delay();
    return total;
  }

  correct(key: string, window: number, amount: number): Promise<void> {
    this.calls.correct += 1;
    const done = this.delay().then(() => void this.#apply(key, window, amount));
    this.#correcting = Promise.all([this.#correcting, done]).then(() => undefined);
    return done;
  }

  #apply(key: string, window: number, amount: number): number {
    const total = this.total(key, window) + amount;
    this.totals.set(`${key} ${window}`, total);
    return total;
  }
}
