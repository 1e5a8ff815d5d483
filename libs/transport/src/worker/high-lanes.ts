/**
 * Which lanes of high priority a look has to ask. Requests of high priority are rare, and a pull of
 * an empty lane costs as much as one that brings something: a lane that was found empty is asked
 * again when the server has rung for it.
 *
 * - H1 a lane is left out only while a subscription to its ring is open that has heard nothing, and
 *   a pull at least {@link SETTLE_MS} after its opening, and after any other ring, found nothing.
 * - H2 and for {@link CHECK_MS} at most: nobody rings when a dead worker's request comes back, and
 *   a ring may be lost.
 */
import type { Subscription } from '@nats-io/transport-node';
import { doorbellAgain, doorbellSubject, type Lane, LANES } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';

/** The server rings when a request is stored, and tells its consumers a moment later. */
const SETTLE_MS = 50;
const CHECK_MS = 1_000;

interface Watch {
  subscription: Subscription | undefined;
  /** When its subscription was opened, or the bell rang for it after that. */
  settledFromMs: number;
  /** When a pull that found it empty was sent; undefined: it may hold something. */
  emptyAtMs: number | undefined;
}

export interface HighLanesOptions {
  readonly link: NatsLink;
  readonly pool: string;
  /** Called when a request was stored in a lane that was found empty before. */
  readonly onRing: (lane: Lane) => void;
  /** A monotonic clock, milliseconds. */
  readonly now?: () => number;
}

export class HighLanes {
  readonly #options: HighLanesOptions;
  readonly #now: () => number;
  readonly #watches = new Map<Lane, Watch>(
    LANES.map((lane) => [
      lane,
      { subscription: undefined, settledFromMs: 0, emptyAtMs: undefined },
    ]),
  );

  constructor(options: HighLanesOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** The lanes to ask, best first. */
  get open(): readonly Lane[] {
    const beforeMs = this.#now() - CHECK_MS;
    return LANES.filter((lane) => {
      const emptyAtMs = this.#watches.get(lane)?.emptyAtMs;
      return emptyAtMs === undefined || emptyAtMs <= beforeMs;
    });
  }

  /** A pull that was sent at `askedAtMs` has shown whether the lane is empty. */
  asked(lane: Lane, askedAtMs: number, empty: boolean): void {
    const watch = this.#watches.get(lane);
    if (watch === undefined) return;
    if (!empty) watch.emptyAtMs = undefined;
    else if (watch.subscription === undefined) this.#watch(lane, watch);
    else if (askedAtMs - watch.settledFromMs >= SETTLE_MS) watch.emptyAtMs = askedAtMs;
  }

  /** The worker's bell rang. @returns the lane for which it rang, if it is a high one */
  rang(subject: string): Lane | undefined {
    const { pool } = this.#options;
    // It does not say which: something was given back.
    if (subject === doorbellAgain(pool)) this.#doubt(LANES);
    const lane = LANES.find((each) => subject === doorbellSubject(pool, 'high', each));
    if (lane !== undefined) this.#doubt([lane]);
    return lane;
  }

  #doubt(lanes: readonly Lane[]): void {
    for (const lane of lanes) {
      const watch = this.#watches.get(lane);
      if (watch === undefined) continue;
      watch.emptyAtMs = undefined;
      // What it rang for may become visible a moment later, here too.
      watch.settledFromMs = this.#now();
    }
  }

  /** Ends the subscriptions; the next empty lane opens its own again. */
  close(): void {
    for (const watch of this.#watches.values()) {
      watch.subscription?.unsubscribe();
      watch.subscription = undefined;
    }
    this.#doubt(LANES);
  }

  #watch(lane: Lane, watch: Watch): void {
    const { link, pool, onRing } = this.#options;
    if (!link.connected) return;
    const subscription = link.connection.subscribe(doorbellSubject(pool, 'high', lane), {
      max: 1,
      callback: (error) => {
        if (error !== null || watch.subscription !== subscription) return;
        watch.subscription = undefined;
        watch.emptyAtMs = undefined;
        onRing(lane);
      },
    });
    watch.subscription = subscription;
    watch.settledFromMs = this.#now();
    watch.emptyAtMs = undefined;
  }
}
