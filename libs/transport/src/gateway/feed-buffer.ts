/** Events that wait for one reader, in order: bounded in number, in size, and by what all hold. */
import type { RunEvent } from '@switchboard/contract';
import type { FeedBudget } from './feed-budget.ts';

export const BUFFER_EVENTS_MAX = 2_048;
export const BUFFER_CHARS_MAX = 262_144;

/** The events of one message. */
export interface Held {
  readonly events: readonly RunEvent[];
  readonly chars: number;
}

export class FeedBuffer {
  readonly #budget: FeedBudget;
  readonly #held: Held[] = [];
  #events = 0;
  #chars = 0;
  #changed = Promise.withResolvers<void>();

  constructor(budget: FeedBudget) {
    this.#budget = budget;
  }

  get events(): number {
    return this.#events;
  }

  get chars(): number {
    return this.#chars;
  }

  /** What came first of what is held. */
  get first(): Held | undefined {
    return this.#held[0];
  }

  /** Resolves at the next {@link FeedBuffer.wake}. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  /** Whether the reader has enough to do for a while. */
  get hasPlenty(): boolean {
    return this.#events > BUFFER_EVENTS_MAX / 2 || this.#chars > BUFFER_CHARS_MAX / 2;
  }

  /** Whether a message fits; an empty buffer takes any, or a large one would never get in. */
  fits(events: number, chars: number): boolean {
    if (this.#held.length === 0) return true;
    return (
      this.#events + events <= BUFFER_EVENTS_MAX &&
      this.#chars + chars <= BUFFER_CHARS_MAX &&
      this.#budget.fits(chars)
    );
  }

  add(events: readonly RunEvent[], chars: number): void {
    this.#held.push({ events, chars });
    this.#events += events.length;
    this.#chars += chars;
    this.#budget.take(chars);
    this.wake();
  }

  /** The reader is done with the first. */
  shift(): void {
    const held = this.#held.shift();
    if (held === undefined) return;
    this.#events -= held.events.length;
    this.#chars -= held.chars;
    this.#budget.give(held.chars);
  }

  clear(): void {
    while (this.#held.length > 0) this.shift();
  }

  /** Lets whoever waits for it look again. */
  wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
