/**
 * What a reader of a run is given: a pure function of the messages of its log, in their order.
 *
 * - Q1 the events of one attempt follow each other by number: a repeat adds nothing, and a message
 *   that leaves a gap is passed over, because its writer says all of it again.
 * - Q2 attempts follow each other: what one says after a later one has begun adds nothing.
 * - Q3 the first end is the last event, and nothing follows it. What is left of a run whose events
 *   were removed is no end: there is a gap before it.
 */
import type { EventMessage, RunEvent } from '@switchboard/contract';
import { isGravestone } from '../state/purge-run.ts';

export class RunSequence {
  #attempt = 0;
  #next = 1;
  #ended = false;

  /** The attempt that is being read, from 1; 0 before the first. */
  get attempt(): number {
    return this.#attempt;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Whether nothing of the log can be missing between what was taken and `message`. It cannot be
   * told of a message that begins an attempt after another, nor of an end without an attempt.
   */
  continues({ a, n }: EventMessage): boolean {
    if (this.#attempt === 0) return a === 1 && n === 1;
    return a > 0 && (a < this.#attempt || (a === this.#attempt && n <= this.#next));
  }

  /** Whether a reading of the log that begins with `message` begins early enough. */
  overlaps({ a, n }: EventMessage): boolean {
    if (this.#attempt === 0) return a === 1 && n === 1;
    return a === this.#attempt && n < this.#next;
  }

  /** What `message` would add; undefined when there is a gap before it. */
  added(message: EventMessage, isEnd: boolean): readonly RunEvent[] | undefined {
    const { a, n, e } = message;
    if (this.#ended) return [];
    if (isGravestone(message)) return undefined;
    if (isEnd && a === 0) return e;
    if (a < this.#attempt) return [];
    const next = a === this.#attempt ? this.#next : 1;
    if (a > this.#attempt + 1 || n > next) return undefined;
    // An end is news also when a number says that it is not.
    const known = isEnd ? Math.min(next - n, e.length - 1) : next - n;
    return known <= 0 ? e : e.slice(known);
  }

  /** @returns what `message` adds; undefined when there is a gap before it, and nothing changes. */
  take(message: EventMessage, isEnd: boolean): readonly RunEvent[] | undefined {
    const added = this.added(message, isEnd);
    if (added === undefined || this.#ended) return added;
    const { a, n, e } = message;
    if (a > this.#attempt) {
      this.#attempt = a;
      this.#next = n + e.length;
    } else if (a === this.#attempt) {
      this.#next = Math.max(this.#next, n + e.length);
    }
    // An end of an attempt that was taken over is refused by the log, so every end here is the one.
    this.#ended = isEnd && added.length > 0;
    return added;
  }
}

/** The end that is made up for a reader when part of the log is not there any more. */
export const INCOMPLETE: RunEvent & { readonly type: 'failed' } = {
  type: 'failed',
  code: 'answer_incomplete',
  message: 'Part of the answer is no longer stored.',
};
