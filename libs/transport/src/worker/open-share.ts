/**
 * Whether this worker may take nothing for a while, to have a suspect alone (`run-gate.ts`): a
 * third of the pool's workers stays open for all other requests. One poison makes up to nine
 * suspects; without this bound a small pool would close for them as a whole.
 *
 * The others are asked, not remembered: suspects are rare, and to hear every word of every worker
 * would cost a large fleet more than it tells. Of two that ask at once each hears of the other, and
 * the one whose token comes first is counted. A worker that does not answer in time is not counted
 * as open, and so is one whose rights do not let it ask: it takes itself for the only one.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { FLEET_ASK, fleetSubjects, type WorkerWord } from '@switchboard/contract';
import { readWord } from '../fleet/read-word.ts';
import type { NatsLink } from '../link/nats-link.ts';

/** Workers answer within 20 ms. */
const ANSWERS_MS = 200;

export interface OpenShareOptions {
  readonly link: NatsLink;
  readonly pool: string;
  /** What this worker says is another: that it asks, or does no more. */
  readonly onChange: () => void;
}

export class OpenShare {
  readonly #options: OpenShareOptions;
  #asking: Promise<boolean> | undefined;

  constructor(options: OpenShareOptions) {
    this.#options = options;
  }

  /** Whether it is finding out; said to the others, so that not all close at once. */
  get asks(): boolean {
    return this.#asking !== undefined;
  }

  /** `token`: of this worker. Never rejects; false also without NATS. */
  mayClose(token: string): Promise<boolean> {
    this.#asking ??= this.#ask(token).finally(() => {
      this.#asking = undefined;
      this.#options.onChange();
    });
    this.#options.onChange();
    return this.#asking;
  }

  async #ask(token: string): Promise<boolean> {
    const { link, pool } = this.#options;
    if (!link.connected) return false;
    const words = new Map<string, WorkerWord>();
    const { connection } = link;
    const subscription = connection.subscribe(fleetSubjects(pool), {
      callback: (error, message) => {
        const heard = error === null ? readWord(message) : undefined;
        if (heard !== undefined) words.set(heard.token, heard.word);
      },
    });
    connection.publish(FLEET_ASK);
    await delay(ANSWERS_MS);
    subscription.unsubscribe();
    words.delete(token);
    return link.connected && leavesEnoughOpen(token, words);
  }
}

/** `others`: the pool's other workers by their tokens. */
export function leavesEnoughOpen(
  token: string,
  others: ReadonlyMap<string, Pick<WorkerWord, 'draining' | 'gone' | 'closed'>>,
): boolean {
  const live = [...others].filter(([, { draining, gone }]) => !draining && gone !== true);
  const closed = live.filter(([other, word]) => {
    return word.closed === 'yes' || (word.closed === 'asks' && other < token);
  });
  const workers = live.length + 1;
  return closed.length < Math.max(1, Math.floor((workers * 2) / 3));
}
