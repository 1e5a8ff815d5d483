/**
 * The reading end of one run for one reader: live messages come in, events go out in order, each
 * once.
 *
 * - F1 what goes out is what {@link RunSequence} makes of the log: the same for every reader. A gap
 *   in what is heard live is filled from the log before going on ({@link CatchUp}).
 * - F2 the first end is the last event, and nothing follows it.
 * - F3 what is held is bounded ({@link FeedBuffer}): a reader that is slower than the run loses its
 *   live place and reads the log at its own pace.
 * - F4 a reader whose events were removed is told: its last event is `answer_incomplete`.
 */
import { isEnd, type RunEvent } from '@switchboard/contract';
import type { LoggedMessage } from '../events/log-state.ts';
import { INCOMPLETE, RunSequence } from '../events/run-sequence.ts';
import type { Heard } from './heard.ts';
import { CatchUp } from './catch-up.ts';
import { FeedBudget } from './feed-budget.ts';
import { FeedBuffer } from './feed-buffer.ts';
import type { ReadLog } from './log-cursor.ts';

/** How long a gap in the log may stay: its writer fills it within seconds, or never. */
const HOLE_MS = 10_000;
/**
 * A live message after so long a silence is looked up: heartbeats come every 3 s, so the run may
 * have been taken over unheard, and these be the last words of a worker that was frozen.
 */
const SILENCE_MS = 10_000;

export interface FeedOptions {
  readonly readLog: ReadLog;
  /**
   * Called once, when the end has been taken in (the reader may be behind); `incomplete` when the
   * end was made up here (F4).
   */
  readonly onEnd: (incomplete: boolean) => void;
  readonly budget?: FeedBudget;
  /** Epoch milliseconds; for tests. */
  readonly now?: () => number;
}

export class RunFeed {
  readonly #onEnd: (incomplete: boolean) => void;
  readonly #sequence = new RunSequence();
  readonly #buffer: FeedBuffer;
  readonly #catchUp: CatchUp;
  readonly #now: () => number;
  #ended = false;
  #closed = false;
  #heardAtMs: number;
  #holeSinceMs: number | undefined;

  constructor({ readLog, onEnd, budget = new FeedBudget(), now = Date.now }: FeedOptions) {
    this.#now = now;
    this.#heardAtMs = now();
    this.#onEnd = onEnd;
    this.#buffer = new FeedBuffer(budget);
    this.#catchUp = this.#makeCatchUp(readLog);
  }

  /** Whether any event has been taken in. */
  get begun(): boolean {
    return this.#sequence.attempt > 0;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Events held for the reader now, */
  get buffered(): number {
    return this.#buffer.events;
  }
  /** and their characters. */
  get bufferedChars(): number {
    return this.#buffer.chars;
  }

  /** Takes one live message. */
  push(heard: Heard): void {
    if (this.#isOver) return;
    if (this.#catchUp.behind) return this.#catchUp.keep(heard);
    const trusted = !this.begun || this.#now() - this.#heardAtMs < SILENCE_MS;
    if (trusted && this.#follow(heard)) this.#heardAtMs = this.#now();
    else this.#catchUp.begin(heard);
  }

  /**
   * Reads the log from where this feed stands: after a reconnect, or when silence is suspicious.
   * `whole`: from the very first message, whatever the clocks say.
   */
  catchUp(whole?: 'whole'): void {
    if (!this.#isOver) this.#catchUp.ask(whole);
  }

  /** Whether `message`, which is stored, holds nothing that this feed has not taken in. */
  knows({ message, isEnd: end }: LoggedMessage): boolean {
    if (this.#ended) return true;
    return !end && this.#sequence.added(message, end)?.length === 0;
  }

  /** F4: the log does not hold the run any more. */
  gone(): void {
    if (!this.#isOver) this.#endIncomplete();
  }

  /** The events, in order. Finishes after the end, or when `signal` aborts. */
  async *events(signal?: AbortSignal): AsyncGenerator<RunEvent> {
    const onAbort = (): void => this.#buffer.wake();
    signal?.addEventListener('abort', onAbort);
    try {
      while (signal?.aborted !== true) {
        const held = this.#buffer.first;
        if (held === undefined) {
          if (this.#closed) return;
          this.#catchUp.goOn();
          await this.#buffer.changed;
          continue;
        }
        for (const event of held.events) {
          yield event;
          if (isEnd(event)) this.drop();
          // Dropped, perhaps meanwhile by somebody else.
          if (this.#buffer.first !== held || signal?.aborted) return;
        }
        this.#buffer.shift();
        this.#catchUp.goOn();
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** No more events come; what is held can still be read. */
  close(): void {
    this.#closed = true;
    this.#catchUp.clear();
    this.#buffer.wake();
  }

  /** Nobody reads it any more. */
  drop(): void {
    this.close();
    this.#buffer.clear();
  }

  get #isOver(): boolean {
    return this.#ended || this.#closed;
  }

  #makeCatchUp(readLog: ReadLog): CatchUp {
    const feed = {
      isOver: () => this.#isOver,
      hasPlenty: () => this.#buffer.hasPlenty,
      heardAtMs: () => this.#heardAtMs,
      overlaps: ({ message }: LoggedMessage) => this.#sequence.overlaps(message),
      take: (heard: Heard) => this.#take(heard),
      follow: (heard: Heard) => this.#follow(heard),
      onGap: (beforeEnd: boolean) => this.#onGap(beforeEnd),
      onRejoined: (atMs: number) => {
        this.#heardAtMs = atMs;
      },
    };
    return new CatchUp(feed, readLog, this.#now);
  }

  #follow(heard: Heard): boolean {
    return this.#sequence.continues(heard.message) && this.#take(heard) === 'taken';
  }

  #take({ message, isEnd: end, chars }: Heard): 'taken' | 'gap' | 'full' {
    const added = this.#sequence.added(message, end);
    if (added === undefined) return 'gap';
    if (!end && added.length > 0 && !this.#buffer.fits(added.length, chars)) return 'full';
    this.#sequence.take(message, end);
    if (added.length === 0) return 'taken';
    this.#holeSinceMs = undefined;
    this.#buffer.add(added, chars);
    if (end) this.#end(false);
    return 'taken';
  }

  #end(incomplete: boolean): void {
    this.#ended = true;
    this.#catchUp.clear();
    this.#onEnd(incomplete);
  }

  #endIncomplete(): void {
    this.#buffer.add([INCOMPLETE], 0);
    this.#end(true);
  }

  /** A writer fills a gap before it writes the end; what was removed is the log's beginning. */
  #onGap(beforeEnd: boolean): void {
    const now = performance.now();
    this.#holeSinceMs ??= now;
    const forGood = beforeEnd || !this.begun || now - this.#holeSinceMs > HOLE_MS;
    if (forGood) this.#endIncomplete();
  }
}
