/** What can be asked, and done, of a run of any gateway, by its id alone. */
import type { RunEvent } from '@switchboard/contract';
import { readWhole } from '../events/log-reader.ts';
import { readStanding } from '../events/log-state.ts';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import { StoreError } from '../link/store.ts';
import { tryToEnd } from './end-writer.ts';
import type { Limiter } from './limiter.ts';
import { queueUnavailable } from './queue-unavailable.ts';
import type { CancelReason } from './run.ts';

/**
 * What the log knows of a run. A queued run that nobody has claimed is `unknown`, and so is one
 * whose events were removed.
 */
export type RunState = 'unknown' | 'open' | 'ended';

/** How often NATS is asked before it counts as away. */
const TRIES = 5;
const RETRY_MS = 200;

export class AnyRuns {
  readonly #link: NatsLink;
  readonly #limiter: Limiter;
  readonly #closing: AbortSignal;

  constructor(link: NatsLink, limiter: Limiter, closing: AbortSignal) {
    this.#link = link;
    this.#limiter = limiter;
    this.#closing = closing;
  }

  /** @throws SwitchboardError `queue_unavailable` @throws TypeError when `run` is not a run id */
  async find(run: string): Promise<RunState> {
    const { end, newest } = await this.#ask(() => readStanding(this.#link, run));
    if (end !== undefined) return 'ended';
    return newest === undefined ? 'unknown' : 'open';
  }

  /** @throws SwitchboardError `queue_unavailable` @throws TypeError when `run` is not a run id */
  readLogged(run: string): Promise<readonly RunEvent[]> {
    return this.#ask(() => readWhole(this.#link, run));
  }

  /**
   * Stores the end, unless there is one.
   * @throws SwitchboardError `queue_unavailable` @throws TypeError when `run` is not a run id
   */
  async cancel(run: string, reason: CancelReason): Promise<void> {
    await this.#ask(() => tryToEnd(this.#link, run, { type: 'cancelled', reason }, 'always'));
  }

  /** Tries a few times, for an election or a reconnect. @throws SwitchboardError */
  async #ask<T>(question: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#limiter.run(question);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        if (tries >= TRIES) throw queueUnavailable(error);
      }
      await abortableSleep(RETRY_MS, this.#closing);
    }
  }
}
