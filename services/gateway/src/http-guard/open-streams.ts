import { SwitchboardError } from '@switchboard/contract';

/** How many streams each caller reads from this gateway now. */
export class OpenStreams {
  readonly #max: number;
  readonly #counts = new Map<string, number>();

  /** @param max streams of one caller */
  constructor(max: number) {
    this.#max = max;
  }

  /** Callers that read one at least. */
  get callers(): number {
    return this.#counts.size;
  }

  /**
   * @returns gives the place back; safe to repeat
   * @throws SwitchboardError `too_many_streams`
   */
  acquire(caller: string): () => void {
    const count = this.#counts.get(caller) ?? 0;
    if (count >= this.#max) {
      const message = `You read ${this.#max} streams already, as many as are allowed at once.`;
      throw new SwitchboardError('too_many_streams', message);
    }
    this.#counts.set(caller, count + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const left = (this.#counts.get(caller) ?? 1) - 1;
      if (left === 0) this.#counts.delete(caller);
      else this.#counts.set(caller, left);
    };
  }
}
