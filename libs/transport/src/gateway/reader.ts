/** One reader of a run: what `submit` and `follow` hand out. */
import { isEnd, type RunEvent } from '@switchboard/contract';
import type { Leaving } from './readers.ts';
import type { RunFeed } from './run-feed.ts';

export interface ReaderOptions {
  readonly run: string;
  /** Opens a feed from the first event on; returned by `closeFeed`. */
  readonly openFeed: () => RunFeed;
  readonly closeFeed: (feed: RunFeed) => void;
  /** Called once. */
  readonly onLeave: (leaving: Leaving) => void;
}

export class Reader {
  readonly run: string;
  readonly #options: ReaderOptions;
  readonly #feeds = new Set<RunFeed>();
  /** Opened before anybody asks, so that a run that begins at once is heard from its beginning. */
  #ready: RunFeed | undefined;
  #left = false;

  constructor(options: ReaderOptions) {
    this.run = options.run;
    this.#options = options;
  }

  /** For a run that nothing has been said of yet. */
  openNow(): void {
    this.#ready = this.#open();
  }

  /**
   * From the very first event, in order, each once; the last one is the end. Each call begins
   * again. Finishes early when `signal` aborts, and when the reader has left.
   */
  events(signal?: AbortSignal): AsyncIterable<RunEvent> {
    const feed = this.#ready ?? this.#open();
    this.#ready = undefined;
    return this.#iterate(feed, signal);
  }

  /** This reader leaves. What becomes of the run is its policy's to say. Idempotent. */
  close(): void {
    this.#leave('left');
  }

  /** The gateway lets go of it; the run goes on as if its reader had not left. Idempotent. */
  detach(): void {
    this.#leave('detached');
  }

  async *#iterate(feed: RunFeed, signal: AbortSignal | undefined): AsyncGenerator<RunEvent> {
    try {
      for await (const event of feed.events(signal)) {
        if (isEnd(event)) this.#leave('done', feed);
        yield event;
      }
    } finally {
      this.#closeFeed(feed);
    }
  }

  #leave(leaving: Leaving, finished?: RunFeed): void {
    for (const feed of this.#feeds) if (feed !== finished) this.#closeFeed(feed);
    if (this.#left) return;
    this.#left = true;
    this.#options.onLeave(leaving);
  }

  #open(): RunFeed {
    const feed = this.#options.openFeed();
    this.#feeds.add(feed);
    if (this.#left) feed.drop();
    return feed;
  }

  #closeFeed(feed: RunFeed): void {
    if (this.#feeds.delete(feed)) this.#options.closeFeed(feed);
  }
}
