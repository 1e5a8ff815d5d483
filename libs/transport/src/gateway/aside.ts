/** Live messages that came while the log is being read. */
import type { Heard } from './heard.ts';

const MESSAGES_MAX = 256;
const CHARS_MAX = 131_072;

export class Aside {
  #kept: Heard[] = [];
  #chars = 0;
  /** Whether more came than was kept: then only the log has it all. */
  #overflowed = false;

  keep(heard: Heard): void {
    if (this.#overflowed) return;
    this.#kept.push(heard);
    this.#chars += heard.chars;
    this.#overflowed = this.#kept.length > MESSAGES_MAX || this.#chars > CHARS_MAX;
    if (this.#overflowed) this.#kept = [];
  }

  /**
   * Gives what was kept to `take`, in order, until it refuses one; that one and those after it
   * stay. @returns whether nothing is left, and nothing was lost.
   */
  drain(take: (heard: Heard) => boolean): boolean {
    const kept = this.#kept;
    const whole = !this.#overflowed;
    this.clear();
    for (const [index, heard] of kept.entries()) {
      if (take(heard)) continue;
      for (const rest of kept.slice(index)) this.keep(rest);
      return false;
    }
    return whole;
  }

  clear(): void {
    this.#kept = [];
    this.#chars = 0;
    this.#overflowed = false;
  }
}
