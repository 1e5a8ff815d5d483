/**
 * Requests that were given up, for a person to look at: list, show, replay, remove.
 *
 * - D1 a letter goes only when it is removed, or when its replay is stored on the queue.
 * - D2 every replay of one run is the same run, so that two replays at once, or one that broke off
 *   between queue and removal, run it once: the queue drops the second as a duplicate within its
 *   window, and the end of the first refuses it later, for as long as the event log keeps it.
 * - D3 a replay is never the run that was given up: that one has its end, which nothing may follow.
 * - D4 its id says whose replay it is, so that whoever keeps the run's answer takes the replay's.
 */
import type { StoredMsg } from '@nats-io/jetstream';
import { runLetters, type RunRequest, SwitchboardError } from '@switchboard/contract';
import {
  type DeadLetter,
  describe,
  inputOf,
  placeIn,
  poolOf,
  readRequest,
  replayedRun,
} from './dead-letter-message.ts';
import { DeadLetterStream, toUnavailable } from './dead-letter-stream.ts';
import { RequestPublisher } from './gateway/request-publisher.ts';
import type { NatsLink } from './link/nats-link.ts';
import { Bucket } from './state/bucket.ts';

export type { DeadLetter } from './dead-letter-message.ts';
export { connectOnce } from './link/connect-once.ts';

/**
 * What became of a replay.
 * - `queued`: it waits in its pool as `run`, and the letter is gone.
 * - `missing`: there is no such letter.
 * - `refused`: it cannot be run again, and the letter stays.
 */
export type Replayed =
  | { readonly kind: 'queued'; readonly run: string; readonly replaced: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'refused'; readonly why: string };

const INPUTS = 'inputs';
const SILENT = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
/** A person replays, so the user's own limit does not hold; their further requests still count. */
const OUTSTANDING_PER_USER_MAX = 65_536;
/** As long as the queue keeps anything. */
const REPLAY_TTL_SECONDS = 7 * 86_400;

export class DeadLetters {
  readonly #stream: DeadLetterStream;
  readonly #publisher: RequestPublisher;
  readonly #inputs: Bucket;

  constructor(link: NatsLink) {
    this.#stream = new DeadLetterStream(link);
    this.#inputs = new Bucket(link, INPUTS, { log: SILENT });
    this.#publisher = new RequestPublisher({
      link,
      maxOutstandingPerUser: OUTSTANDING_PER_USER_MAX,
      replicas: 1,
    });
  }

  /** All there are now, oldest first. @throws SwitchboardError `queue_unavailable` */
  async *list(): AsyncGenerator<DeadLetter> {
    for await (const message of this.#stream.all()) yield describe(message);
  }

  /** One letter, or undefined if there is none. @throws SwitchboardError `queue_unavailable` */
  async find(id: number): Promise<DeadLetter | undefined> {
    const message = await this.#stream.read(id);
    return message === undefined ? undefined : describe(message);
  }

  /** The request itself, prompt and all. @throws SwitchboardError `queue_unavailable` */
  async body(id: number): Promise<string | undefined> {
    return (await this.#stream.read(id))?.string();
  }

  /**
   * Puts the request back onto its pool's queue as a run of its own, which runs to its end whether
   * anybody reads it or not, then removes the letter.
   * @throws SwitchboardError `queue_unavailable`, `queue_full`, `too_many_outstanding`: it stays.
   */
  async replay(id: number): Promise<Replayed> {
    const message = await this.#stream.read(id);
    if (message === undefined) return { kind: 'missing' };
    const request = readRequest(message);
    if (request === undefined) return { kind: 'refused', why: 'its request cannot be read' };
    const place = placeIn(message);
    if (place === undefined)
      return { kind: 'refused', why: 'it does not say whose request it was' };
    const run = replayedRun(request.run);
    if (run === undefined) return { kind: 'refused', why: 'its run cannot be replayed' };
    const again: RunRequest = { ...request, run, onDisconnect: 'continue' };
    try {
      if (request.input !== undefined && !(await this.#copyInput(request.input, run))) {
        return { kind: 'refused', why: 'its input, too large for a message, is gone' };
      }
      if (request.input !== undefined) again.input = run;
      const queued = await this.#publisher.publish({
        pool: poolOf(message),
        ...place,
        run,
        data: new TextEncoder().encode(JSON.stringify(again)),
        ttlSeconds: REPLAY_TTL_SECONDS,
      });
      queued.release();
    } catch (error) {
      // Refused, so nobody will run it; after any other failure it may be on the queue.
      if (again.input === run && error instanceof SwitchboardError) await this.#inputs.delete(run);
      throw toUnavailable(error);
    }
    await this.remove(id);
    return { kind: 'queued', run, replaced: request.run };
  }

  /**
   * Erases a letter, and its input if that lies beside it.
   * @returns whether there was one. @throws SwitchboardError `queue_unavailable`
   */
  async remove(id: number): Promise<boolean> {
    const message = await this.#stream.read(id);
    if (message === undefined) return false;
    await this.#removeInput(message);
    return await this.#stream.delete(id);
  }

  /** Erases the letters of a run and of its replays. @returns how many. @throws SwitchboardError */
  async removeRun(run: string): Promise<number> {
    let removed = 0;
    for await (const { seq } of this.#stream.all(runLetters(run))) {
      if (await this.remove(seq)) removed += 1;
    }
    return removed;
  }

  /** Erases every letter. @returns how many. @throws SwitchboardError `queue_unavailable` */
  async removeAll(): Promise<number> {
    for await (const message of this.#stream.all()) await this.#removeInput(message);
    return await this.#stream.purge();
  }

  /**
   * A run's input goes with its end, so the new run needs one of its own.
   * @returns false when it is gone already.
   */
  async #copyInput(input: string, run: string): Promise<boolean> {
    // An earlier replay of the same letter may have copied it, and removed the first one.
    if ((await this.#inputs.get(run)) !== undefined) return true;
    const entry = await this.#inputs.get(input);
    if (entry === undefined) return false;
    await this.#inputs.write(run, entry.data, 0);
    return true;
  }

  async #removeInput(message: StoredMsg): Promise<void> {
    const input = inputOf(message);
    if (input !== undefined) await this.#inputs.delete(input);
  }
}
