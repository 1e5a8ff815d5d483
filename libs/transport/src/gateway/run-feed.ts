/**
 * The reading end of one run for one reader: live messages come in, events go out in order, each
 * once.
 *
 * - F1 what goes out is what {@link RunSequence} makes of the log: the same for every reader. A gap
 *   in what is heard live is filled from the log before going on.
 * - F2 the first end is the last event, and nothing follows it.
 * - F3 at most {@link BUFFER_EVENTS_MAX} events and {@link BUFFER_CHARS_MAX} characters are held
 *   (or one message that is larger): a reader that is slower than the run loses its live place and
 *   reads the log at its own pace.
 * - F4 a reader whose events were removed is told: its last event is `answer_incomplete`.
 */
import { isEnd, type RunEvent } from '@switchboard/contract';
import type { LoggedMessage, LogPosition } from '../events/log-reader.ts';
import { INCOMPLETE, RunSequence } from '../events/run-sequence.ts';
import { Aside, type Heard } from './aside.ts';
import { FeedBudget } from './feed-budget.ts';

export const BUFFER_EVENTS_MAX = 2_048;
export const BUFFER_CHARS_MAX = 262_144;
/**
 * Pause before the log is read again when it did not hold what was heard live: it holds it by now,
 * unless the replica that answers is behind. Doubles each time.
 */
const REREAD_MS = 2;
const REREAD_MAX_MS = 1_000;
/** After a reading that NATS did not answer. */
const AWAY_MS = 500;
/** How long a gap in the log may stay: its writer fills it within seconds, or never. */
const HOLE_MS = 10_000;

/**
 * Reads on from a sequence of the stream, or from a time (epoch milliseconds): a run that was
 * followed live needs only what is young, and the server finds that much faster.
 */
export type ReadLog = (from: LogPosition) => Promise<readonly LoggedMessage[]>;

/**
 * A live message after so long a silence is looked up: heartbeats come every 3 s, so the run may
 * have been taken over unheard, and these be the last words of a worker that was frozen.
 */
const SILENCE_MS = 10_000;
/** How long before the last live message a reading begins: clocks of two machines differ. */
const LOOK_BACK_MS = 10_000;
const WHOLE: LogPosition = { seq: 1 };

interface Held {
  readonly events: readonly RunEvent[];
  readonly chars: number;
}

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
  readonly #readLog: ReadLog;
  readonly #onEnd: (incomplete: boolean) => void;
  readonly #budget: FeedBudget;
  readonly #sequence = new RunSequence();
  readonly #aside = new Aside();
  readonly #held: Held[] = [];
  #heldEvents = 0;
  #heldChars = 0;
  #ended = false;
  #closed = false;
  #behind = false;
  #refilling = false;
  /** Whether something was asked for that a reading under way may not hold. */
  #askedAgain = false;
  /** When the last reading began: it holds all that was said before. */
  #askedAtMs = 0;
  #position: LogPosition | undefined;
  readonly #now: () => number;
  #heardAtMs: number;
  #holeSinceMs: number | undefined;
  #arrived = Promise.withResolvers<void>();

  constructor({ readLog, onEnd, budget = new FeedBudget(), now = Date.now }: FeedOptions) {
    this.#now = now;
    this.#heardAtMs = now();
    this.#readLog = readLog;
    this.#onEnd = onEnd;
    this.#budget = budget;
  }

  /** Whether any event has been taken in. */
  get begun(): boolean {
    return this.#sequence.attempt > 0;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Events held for the reader now. */
  get buffered(): number {
    return this.#heldEvents;
  }

  /** Characters held for the reader now. */
  get bufferedChars(): number {
    return this.#heldChars;
  }

  /** Takes one live message. */
  push(heard: Heard): void {
    if (this.#ended || this.#closed) return;
    if (this.#behind) return this.#aside.keep(heard);
    const trusted = !this.begun || this.#now() - this.#heardAtMs < SILENCE_MS;
    if (trusted && this.#sequence.continues(heard.message) && this.#take(heard) === 'taken') {
      this.#heardAtMs = this.#now();
    } else {
      this.#fallBehind(heard);
    }
  }

  /**
   * Reads the log from where this feed stands: after a reconnect, or when silence is suspicious.
   * `whole`: from the very first message, whatever the clocks say.
   */
  catchUp(whole?: 'whole'): void {
    if (this.#ended || this.#closed) return;
    if (whole !== undefined) this.#position = WHOLE;
    this.#askedAgain = true;
    this.#fallBehind(undefined);
  }

  /** Whether `message`, which is stored, holds nothing that this feed has not taken in. */
  knows({ message, isEnd: end }: LoggedMessage): boolean {
    if (this.#ended) return true;
    return !end && this.#sequence.added(message, end)?.length === 0;
  }

  /** F4: the log does not hold the run any more. */
  gone(): void {
    if (!this.#ended && !this.#closed) this.#endIncomplete();
  }

  /** The events, in order. Finishes after the end, or when `signal` aborts. */
  async *events(signal?: AbortSignal): AsyncGenerator<RunEvent> {
    const onAbort = (): void => this.#wake();
    signal?.addEventListener('abort', onAbort);
    try {
      while (signal?.aborted !== true) {
        const held = this.#held[0];
        if (held === undefined) {
          if (this.#closed) return;
          if (this.#behind) void this.#refill();
          await this.#arrived.promise;
          continue;
        }
        for (const event of held.events) {
          yield event;
          if (isEnd(event)) this.drop();
          // Dropped, perhaps meanwhile by somebody else.
          if (this.#held[0] !== held || signal?.aborted) return;
        }
        this.#release();
        if (this.#behind) void this.#refill();
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** No more events come; what is held can still be read. */
  close(): void {
    this.#closed = true;
    this.#aside.clear();
    this.#wake();
  }

  /** Nobody reads it any more. */
  drop(): void {
    this.close();
    while (this.#held.length > 0) this.#release();
  }

  #release(): void {
    const held = this.#held.shift();
    if (held === undefined) return;
    this.#heldEvents -= held.events.length;
    this.#heldChars -= held.chars;
    this.#budget.give(held.chars);
  }

  #take({ message, isEnd: end, chars }: Heard): 'taken' | 'gap' | 'full' {
    const added = this.#sequence.added(message, end);
    if (added === undefined) return 'gap';
    if (!end && added.length > 0 && !this.#hasRoom(added.length, chars)) return 'full';
    this.#sequence.take(message, end);
    if (added.length === 0) return 'taken';
    this.#holeSinceMs = undefined;
    this.#hold(added, chars);
    if (end) this.#end(false);
    return 'taken';
  }

  /** An empty buffer takes any message, or a large one would never get in. */
  #hasRoom(events: number, chars: number): boolean {
    if (this.#held.length === 0) return true;
    return (
      this.#heldEvents + events <= BUFFER_EVENTS_MAX &&
      this.#heldChars + chars <= BUFFER_CHARS_MAX &&
      this.#budget.fits(chars)
    );
  }

  #hold(events: readonly RunEvent[], chars: number): void {
    this.#held.push({ events, chars });
    this.#heldEvents += events.length;
    this.#heldChars += chars;
    this.#budget.take(chars);
    this.#wake();
  }

  #wake(): void {
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }

  #end(incomplete: boolean): void {
    this.#ended = true;
    this.#aside.clear();
    this.#onEnd(incomplete);
  }

  #endIncomplete(): void {
    this.#hold([INCOMPLETE], 0);
    this.#end(true);
  }

  #fallBehind(first: Heard | undefined): void {
    if (!this.#behind) this.#aside.clear();
    this.#behind = true;
    if (first !== undefined) this.#aside.keep(first);
    void this.#refill();
  }

  /** Reads on until nothing is missing, or the reader has enough to do. */
  async #refill(): Promise<void> {
    if (this.#refilling) return;
    this.#refilling = true;
    let pauseMs = REREAD_MS;
    try {
      while (this.#behind && !this.#ended && !this.#closed && !this.#hasPlenty()) {
        const read = await this.#readSafely();
        if (this.#ended || this.#closed || read === 'again') continue;
        if (read === undefined) {
          await pause(AWAY_MS);
          continue;
        }
        if (!this.#takeAll(read)) return; // The reader calls again.
        if (read.length > 0) {
          pauseMs = REREAD_MS;
        } else if (!this.#rejoin()) {
          await pause(pauseMs);
          pauseMs = Math.min(pauseMs * 2, REREAD_MAX_MS);
        }
      }
    } finally {
      this.#refilling = false;
    }
  }

  #hasPlenty(): boolean {
    return this.#heldEvents > BUFFER_EVENTS_MAX / 2 || this.#heldChars > BUFFER_CHARS_MAX / 2;
  }

  /** @returns whether there was room for all of it. */
  #takeAll(read: readonly LoggedMessage[]): boolean {
    for (const { message, isEnd: end, text, seq } of read) {
      if (this.#ended) return true;
      const outcome = this.#take({ message, isEnd: end, chars: text.length });
      if (outcome === 'full') return false;
      if (outcome === 'gap') this.#onHole(end);
      this.#position = { seq: seq + 1 };
    }
    return true;
  }

  /** A writer fills a gap before it writes the end; what was removed is the log's beginning. */
  #onHole(beforeEnd: boolean): void {
    const now = performance.now();
    this.#holeSinceMs ??= now;
    const forGood = beforeEnd || !this.begun || now - this.#holeSinceMs > HOLE_MS;
    if (forGood) this.#endIncomplete();
  }

  /** The log holds no more: what came meanwhile follows. @returns false when it still has a gap. */
  #rejoin(): boolean {
    if (this.#askedAgain) return false;
    const joined = this.#aside.drain(
      (heard) => this.#sequence.continues(heard.message) && this.#take(heard) === 'taken',
    );
    if (!joined || this.#ended) return false;
    this.#behind = false;
    this.#position = undefined;
    this.#heardAtMs = this.#askedAtMs;
    return true;
  }

  /** @returns undefined when NATS did not answer; `again` to begin at the very first message. */
  async #readSafely(): Promise<readonly LoggedMessage[] | 'again' | undefined> {
    const position = this.#position ?? { fromMs: this.#heardAtMs - LOOK_BACK_MS };
    let read: readonly LoggedMessage[];
    this.#askedAgain = false;
    this.#askedAtMs = this.#now();
    try {
      read = await this.#readLog(position);
    } catch {
      // NATS is away: the link's return calls catchUp, and this loop tries on as well.
      return undefined;
    }
    const [first] = read;
    // Nothing may be judged missing, or not missing, that was only not looked for.
    if (first !== undefined && 'fromMs' in position && !this.#sequence.overlaps(first.message)) {
      this.#position = WHOLE;
      return 'again';
    }
    // Asked for meanwhile: what was read may begin too late.
    return this.#position === WHOLE && position !== WHOLE ? 'again' : read;
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
