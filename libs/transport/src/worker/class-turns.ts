/**
 * Whose turn it is at a slot: of the slots that come free while requests of both priorities wait,
 * {@link HIGH_TO_NORMAL} go to high ones for each that goes to a normal one. A class that had
 * nothing to wait with saves nothing up, and owes nothing.
 */
import { HIGH_TO_NORMAL, type Priority } from '@switchboard/contract';

export class ClassTurns {
  /** High requests served, less the share of them that the normal ones served allow. */
  #lead: number;

  /** `begun`: high turns that count as taken, so that the workers of a fleet do not keep step. */
  constructor(begun = Math.floor(Math.random() * (HIGH_TO_NORMAL + 1))) {
    this.#lead = begun;
  }

  /** Of the next `slots` turns, those of high requests. */
  highAmong(slots: number): number {
    const owed = Math.max(0, Math.floor(this.#lead / HIGH_TO_NORMAL));
    if (owed >= slots) return 0;
    const untilNormal = HIGH_TO_NORMAL - (this.#lead - owed * HIGH_TO_NORMAL);
    const rounds = Math.floor((slots - owed - untilNormal - 1) / (HIGH_TO_NORMAL + 1)) + 1;
    return slots - owed - Math.max(0, rounds);
  }

  served(priority: Priority): void {
    this.#lead += priority === 'high' ? 1 : -HIGH_TO_NORMAL;
  }

  /** No request of this priority waits. */
  nothingOf(priority: Priority): void {
    this.#lead =
      priority === 'high' ? Math.max(this.#lead, 0) : Math.min(this.#lead, HIGH_TO_NORMAL);
  }
}
