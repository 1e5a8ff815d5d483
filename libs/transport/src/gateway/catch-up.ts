/**
 * How a feed that has missed something comes back to the live messages: it reads its run's log to
 * the end, keeps aside what is heard meanwhile, and goes on with that.
 */
import type { LoggedMessage } from '../events/log-state.ts';
import { Aside } from './aside.ts';
import type { Heard } from './heard.ts';
import { LogCursor, type ReadLog } from './log-cursor.ts';

/** The feed that is behind. */
export interface Lagging {
  /** Whether it takes nothing in any more. */
  isOver(): boolean;
  /** Whether its reader has enough to do for a while. */
  hasPlenty(): boolean;
  /** When the last live message was taken in, epoch milliseconds. */
  heardAtMs(): number;
  /** Whether a reading that begins with this message begins early enough. */
  overlaps(first: LoggedMessage): boolean;
  /** Takes a message of the log in, unless it leaves a gap or does not fit. */
  take(heard: Heard): 'taken' | 'gap' | 'full';
  /** Takes a live message in, if surely nothing is missing before it. */
  follow(heard: Heard): boolean;
  /** The log has a gap, before the end or elsewhere. */
  onGap(beforeEnd: boolean): void;
  /** Nothing is missing: it holds all that was said before `atMs`. */
  onRejoined(atMs: number): void;
}

/**
 * Pause before the log is read again when it did not hold what was heard live: it holds it by now,
 * unless the replica that answers is behind. Doubles each time.
 */
const REREAD_MS = 2;
const REREAD_MAX_MS = 1_000;
/** After a reading that NATS did not answer. */
const AWAY_MS = 500;

export class CatchUp {
  readonly #feed: Lagging;
  readonly #cursor: LogCursor;
  readonly #aside = new Aside();
  #behind = false;
  #reading = false;

  constructor(feed: Lagging, readLog: ReadLog, now: () => number) {
    this.#feed = feed;
    const overlaps = (first: LoggedMessage): boolean => feed.overlaps(first);
    this.#cursor = new LogCursor({ readLog, overlaps, now });
  }

  /** Whether something is missing, or may be. */
  get behind(): boolean {
    return this.#behind;
  }

  /** `first`: the live message before which something is missing. */
  begin(first?: Heard): void {
    if (!this.#behind) this.#aside.clear();
    this.#behind = true;
    if (first !== undefined) this.#aside.keep(first);
    this.goOn();
  }

  /** Something is missing that nobody has heard; `whole`: it may be anywhere. */
  ask(whole?: 'whole'): void {
    this.#cursor.ask(whole);
    this.begin();
  }

  /** A live message while it is behind. */
  keep(heard: Heard): void {
    this.#aside.keep(heard);
  }

  /** Reads on, if it is behind: the reader has room again. */
  goOn(): void {
    if (this.#behind && !this.#reading) void this.#read();
  }

  /** Nothing more is taken in. */
  clear(): void {
    this.#aside.clear();
  }

  /** Reads on until nothing is missing, or the reader has enough to do. */
  async #read(): Promise<void> {
    this.#reading = true;
    let pauseMs = REREAD_MS;
    try {
      while (this.#behind && !this.#feed.isOver() && !this.#feed.hasPlenty()) {
        const read = await this.#cursor.read(this.#feed.heardAtMs());
        if (this.#feed.isOver() || read === 'again') continue;
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
      this.#reading = false;
    }
  }

  /** @returns whether there was room for all of it. */
  #takeAll(read: readonly LoggedMessage[]): boolean {
    for (const { message, isEnd, text, seq } of read) {
      if (this.#feed.isOver()) return true;
      const outcome = this.#feed.take({ message, isEnd, chars: text.length });
      if (outcome === 'full') return false;
      if (outcome === 'gap') this.#feed.onGap(isEnd);
      this.#cursor.pass(seq);
    }
    return true;
  }

  /** The log holds no more: what came meanwhile follows. @returns false when it still has a gap. */
  #rejoin(): boolean {
    if (this.#cursor.askedAgain) return false;
    const joined = this.#aside.drain((heard) => this.#feed.follow(heard));
    if (!joined || this.#feed.isOver()) return false;
    this.#behind = false;
    this.#cursor.reset();
    this.#feed.onRejoined(this.#cursor.askedAtMs);
    return true;
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
