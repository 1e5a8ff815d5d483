/** The slots of one worker that wait for a request, in the order in which they came. */
import type { Delivery } from './delivery.ts';

interface Waiting {
  resolve(delivery: Delivery | undefined): void;
  /** Asked to stop: it takes what is under way to it, and goes when nothing is. */
  leaving: boolean;
}

export class WaitingSlots {
  readonly #waiting: Waiting[] = [];
  /** Nothing is handed out meanwhile, and so nothing is wanted. */
  paused = false;

  /** Slots that wait, also those that are leaving. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Requests that are wanted: slots that wait and are not leaving; none during a pause. */
  get wanted(): number {
    if (this.paused) return 0;
    return this.#waiting.filter(({ leaving }) => !leaving).length;
  }

  /**
   * Waits for a request; `onLeave` is called when `stop` aborts first. @returns undefined when the
   * slot was dismissed
   */
  wait(stop: AbortSignal, onLeave: () => void): Promise<Delivery | undefined> {
    return new Promise((resolve) => {
      const waiting: Waiting = {
        leaving: false,
        resolve: (delivery) => {
          stop.removeEventListener('abort', leave);
          resolve(delivery);
        },
      };
      const leave = (): void => {
        waiting.leaving = true;
        onLeave();
      };
      stop.addEventListener('abort', leave);
      this.#waiting.push(waiting);
    });
  }

  /** To the first that waits, rather not to one that is leaving. @returns false: to none */
  hand(delivery: Delivery): boolean {
    if (this.paused) return false;
    const index = this.#waiting.findIndex(({ leaving }) => !leaving);
    const [first] = this.#waiting.splice(Math.max(index, 0), 1);
    first?.resolve(delivery);
    return first !== undefined;
  }

  /** Lets those go that are leaving. */
  dismissLeaving(): void {
    for (let index = this.#waiting.length - 1; index >= 0; index--) {
      const waiting = this.#waiting[index];
      if (waiting?.leaving !== true) continue;
      this.#waiting.splice(index, 1);
      waiting.resolve(undefined);
    }
  }
}
