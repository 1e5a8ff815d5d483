/**
 * The runs that somebody reads at this gateway, whoever made them.
 *
 * - W1 all readers of a run share one subscription: the gateway's own for its own runs, one for the
 *   run itself for others, and that one only while somebody reads.
 * - W2 every reader has its own feed and its own pace; none waits for another.
 * - W3 a run that has been silent for long is looked up in the log, so that no reader waits for
 *   what was only not heard.
 */
import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import { gatewayOf, runLive } from '@switchboard/contract';
import { readLog } from '../events/log-reader.ts';
import { readStanding, type Standing } from '../events/log-state.ts';
import type { TransportLog } from '../link/log.ts';
import type { NatsLink } from '../link/nats-link.ts';
import { type Heard, toHeard } from './heard.ts';
import { FeedBudget } from './feed-budget.ts';
import type { Limiter } from './limiter.ts';
import { Reader } from './reader.ts';
import type { Leaving } from './readers.ts';
import { RunFeed } from './run-feed.ts';

/** A run that says nothing for so long is looked up: heartbeats come every 3 s. */
const SILENT_MS = 10_000;
const LOOKUP_EVERY_MS = 15_000;
/** A subscription may take effect a moment after the log was read. */
const FIRST_LOOKUP_MS = 1_000;

interface Followed {
  readonly readers: Set<Reader>;
  readonly feeds: Set<RunFeed>;
  subscription: Subscription | undefined;
  /** Whether somebody knows that it has begun. */
  begun: boolean;
  heardAtMs: number;
  lookUpAtMs: number;
  lookedUp: boolean;
}

export interface FollowedRunsOptions {
  readonly gateway: string;
  readonly limiter: Limiter;
  readonly log: TransportLog;
  /** As many readers are here now; `leaving` says how one of them went. */
  readonly onReaders: (run: string, here: number, leaving: Leaving | undefined) => void;
  /** A reader was told that part of its run is gone. */
  readonly onIncomplete: (run: string) => void;
}

export interface ReadOptions {
  /** Nothing was said of the run yet: it is heard from its beginning. */
  readonly fresh?: boolean;
  /** The run is known to have begun: when its log is empty, its events are gone. */
  readonly begun?: boolean;
}

export class FollowedRuns {
  readonly #link: NatsLink;
  readonly #options: FollowedRunsOptions;
  readonly #runs = new Map<string, Followed>();
  readonly #budget = new FeedBudget();

  constructor(link: NatsLink, options: FollowedRunsOptions) {
    this.#link = link;
    this.#options = options;
  }

  /** Readers of a run here. */
  readersOf(run: string): number {
    return this.#runs.get(run)?.readers.size ?? 0;
  }

  /** Adds a reader. @throws TypeError when `run` is not a run id */
  read(run: string, { fresh = false, begun = false }: ReadOptions = {}): Reader {
    const followed = this.#followed(run);
    followed.begun ||= begun;
    let isFresh = fresh;
    const reader = new Reader({
      run,
      openFeed: () => {
        const feed = this.#openFeed(run, followed, isFresh);
        isFresh = false;
        return feed;
      },
      closeFeed: (feed) => {
        followed.feeds.delete(feed);
        feed.drop();
        this.#forgetUnread(run, followed);
      },
      onLeave: (leaving) => {
        followed.readers.delete(reader);
        this.#options.onReaders(run, followed.readers.size, leaving);
        this.#forgetUnread(run, followed);
      },
    });
    followed.readers.add(reader);
    this.#options.onReaders(run, followed.readers.size, undefined);
    if (fresh) reader.openNow();
    return reader;
  }

  /** A live message of one of this gateway's own runs. */
  hear(run: string, heard: Heard): void {
    const followed = this.#runs.get(run);
    if (followed === undefined) return;
    followed.heardAtMs = performance.now();
    for (const feed of followed.feeds) feed.push(heard);
  }

  /** Something may have been said while the connection was away. */
  up(connection: NatsConnection): void {
    for (const [run, followed] of this.#runs) {
      if (gatewayOf(run) !== this.#options.gateway) this.#subscribe(connection, run, followed);
      for (const feed of followed.feeds) feed.catchUp();
    }
  }

  /**
   * Called twice a second, with `performance.now()`; `isLookedAfter` says of which runs somebody
   * else takes care.
   */
  sweep(nowMs: number, isLookedAfter: (run: string) => boolean): void {
    if (!this.#link.connected) return;
    for (const [run, followed] of this.#runs) {
      if (isLookedAfter(run) || nowMs < followed.lookUpAtMs) continue;
      if (followed.lookedUp && nowMs - followed.heardAtMs < SILENT_MS) continue;
      followed.lookUpAtMs = nowMs + (followed.lookedUp ? LOOKUP_EVERY_MS : SILENT_MS);
      followed.lookedUp = true;
      void this.#lookUpSafely(run);
    }
  }

  /** Lets the feeds of a run read on in the log. */
  catchUp(run: string): void {
    for (const feed of this.#runs.get(run)?.feeds ?? []) feed.catchUp();
  }

  /** Reads where a run stands; feeds that do not know that read on. @throws StoreError */
  async lookUp(run: string): Promise<Standing> {
    const standing = await this.#options.limiter.run(() => readStanding(this.#link, run));
    const followed = this.#runs.get(run);
    const newest = standing.end ?? standing.newest;
    for (const feed of followed?.feeds ?? []) {
      if (newest === undefined && (feed.begun || followed?.begun === true)) feed.gone();
      else if (newest !== undefined && !feed.knows(newest)) feed.catchUp('whole');
    }
    return standing;
  }

  close(): void {
    for (const { feeds, subscription } of this.#runs.values()) {
      subscription?.unsubscribe();
      for (const feed of feeds) feed.close();
    }
    this.#runs.clear();
  }

  #followed(run: string): Followed {
    const known = this.#runs.get(run);
    if (known !== undefined) return known;
    runLive(run); // Throws for what is no run id.
    const now = performance.now();
    const followed: Followed = {
      readers: new Set(),
      feeds: new Set(),
      subscription: undefined,
      begun: false,
      heardAtMs: now,
      lookUpAtMs: now + FIRST_LOOKUP_MS,
      lookedUp: false,
    };
    this.#runs.set(run, followed);
    const foreign = gatewayOf(run) !== this.#options.gateway;
    if (foreign && this.#link.connected) this.#subscribe(this.#link.connection, run, followed);
    return followed;
  }

  #openFeed(run: string, followed: Followed, fresh: boolean): RunFeed {
    const { limiter } = this.#options;
    const feed = new RunFeed({
      readLog: (from) => limiter.run(() => readLog(this.#link, run, from)),
      budget: this.#budget,
      onEnd: (incomplete) => {
        if (incomplete) this.#options.onIncomplete(run);
      },
    });
    // Whoever read before has left, and with them perhaps the subscription.
    if (this.#runs.get(run) !== followed) {
      feed.close();
      return feed;
    }
    followed.feeds.add(feed);
    if (!fresh) feed.catchUp('whole');
    if (followed.begun) void this.#lookUpSafely(run);
    return feed;
  }

  #forgetUnread(run: string, followed: Followed): void {
    if (followed.readers.size > 0 || followed.feeds.size > 0) return;
    if (this.#runs.get(run) !== followed) return;
    this.#runs.delete(run);
    followed.subscription?.unsubscribe();
  }

  #subscribe(connection: NatsConnection, run: string, followed: Followed): void {
    if (followed.subscription?.isClosed() === false) return;
    followed.subscription = connection.subscribe(runLive(run), {
      callback: (_error, message) => {
        const heard = toHeard(message, this.#options.log);
        if (heard !== undefined) this.hear(run, heard);
      },
    });
  }

  async #lookUpSafely(run: string): Promise<void> {
    try {
      await this.lookUp(run);
    } catch {
      // NATS is away: the next look comes in a while.
    }
  }
}
