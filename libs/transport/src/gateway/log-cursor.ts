/** From where on a feed reads its run's log. */
import type { LogPosition } from '../events/log-reader.ts';
import type { LoggedMessage } from '../events/log-state.ts';

/**
 * Reads on from a sequence of the stream, or from a time (epoch milliseconds): a run that was
 * followed live needs only what is young, and the server finds that much faster.
 */
export type ReadLog = (from: LogPosition) => Promise<readonly LoggedMessage[]>;

export interface CursorOptions {
  readonly readLog: ReadLog;
  /** Whether a reading that begins with this message begins early enough. */
  readonly overlaps: (first: LoggedMessage) => boolean;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** How long before the last live message a reading begins: clocks of two machines differ. */
const LOOK_BACK_MS = 10_000;
const WHOLE: LogPosition = { seq: 1 };

export class LogCursor {
  readonly #options: CursorOptions;
  #position: LogPosition | undefined;
  /** Whether something was asked for that a reading under way may not hold. */
  #askedAgain = false;
  #askedAtMs = 0;

  constructor(options: CursorOptions) {
    this.#options = options;
  }

  /** When the last reading began: it holds all that was said before. */
  get askedAtMs(): number {
    return this.#askedAtMs;
  }

  /** Whether the last reading may lack what was asked for since it began. */
  get askedAgain(): boolean {
    return this.#askedAgain;
  }

  /** There is more to read; `whole`: from the very first message, whatever the clocks say. */
  ask(whole?: 'whole'): void {
    if (whole !== undefined) this.#position = WHOLE;
    this.#askedAgain = true;
  }

  /** What was read up to `seq` is taken in. */
  pass(seq: number): void {
    this.#position = { seq: seq + 1 };
  }

  /** All there is was taken in. */
  reset(): void {
    this.#position = undefined;
  }

  /**
   * Reads on; a first time from a while before `heardAtMs`. @returns undefined when NATS did not
   * answer; `again` when it must begin at the very first message.
   */
  async read(heardAtMs: number): Promise<readonly LoggedMessage[] | 'again' | undefined> {
    const { readLog, overlaps, now } = this.#options;
    const position = this.#position ?? { fromMs: heardAtMs - LOOK_BACK_MS };
    let read: readonly LoggedMessage[];
    this.#askedAgain = false;
    this.#askedAtMs = now();
    try {
      read = await readLog(position);
    } catch {
      // NATS is away: the link's return asks again, and whoever reads tries on as well.
      return undefined;
    }
    const [first] = read;
    // Nothing may be judged missing, or not missing, that was only not looked for.
    if (first !== undefined && 'fromMs' in position && !overlaps(first)) {
      this.#position = WHOLE;
      return 'again';
    }
    // Asked for meanwhile: what was read may begin too late.
    return this.#position === WHOLE && position !== WHOLE ? 'again' : read;
  }
}
