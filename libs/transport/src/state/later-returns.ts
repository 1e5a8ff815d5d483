/**
 * Gives ends back that are to come again later, all together at each full second of the clock, and
 * for a full second.
 *
 * The server looks for what is due 10 ms after the last delayed return, and each one begins this
 * wait anew: a return every few milliseconds would put it off for ever, and each look goes through
 * all that waits. With everybody's returns at full seconds there is one look a second.
 */
import type { NatsLink } from '../link/nats-link.ts';
import { giveBack } from '../worker/delivery.ts';

const TICK_MS = 1_000;

export class LaterReturns {
  readonly #link: NatsLink;
  /** Reply subject and when it is due, epoch milliseconds. */
  #waiting: { readonly reply: string; readonly dueAtMs: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(link: NatsLink) {
    this.#link = link;
  }

  /** Comes again `delayMs` from now, rounded up to a full second of the clock. */
  add(reply: string, delayMs: number): void {
    const now = Date.now();
    const dueAtMs = Math.ceil((now + Math.max(delayMs, 1)) / TICK_MS) * TICK_MS;
    this.#waiting.push({ reply, dueAtMs });
    this.#timer ??= setTimeout(() => this.flush(), TICK_MS - (now % TICK_MS));
  }

  /** Gives back at once what waits for the next full second. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const now = Date.now();
    for (const { reply, dueAtMs } of this.#waiting) {
      giveBack(this.#link, reply, Math.max(dueAtMs - now, 1));
    }
    this.#waiting = [];
  }
}
