/**
 * The reading end of one run: live messages come in, events go out in order, each once.
 *
 * - F1 order by (attempt, n); repeats are dropped, a gap is filled from the log before going on.
 * - F2 the first end is the last event, and nothing follows it.
 * - F3 at most {@link BUFFER_EVENTS_MAX} events are held: a reader that is slower than the run
 *   loses its live place and reads the log at its own pace.
 */
import { type EventMessage, isEnd, type RunEvent } from '@switchboard/contract';
import type { LoggedMessage, LogPosition } from '../events/log-reader.ts';

export const BUFFER_EVENTS_MAX = 2_048;
/** Live messages kept while the log is being read. */
const ASIDE_MAX = 512;
/** Pause before the log is read again when it does not hold yet what was announced live. */
const REREAD_MS = 50;

/**
 * Reads on from a sequence of the stream, or from a time (epoch milliseconds): a run that was
 * followed live needs only what is young, and the server finds that much faster.
 */
export type ReadLog = (from: LogPosition) => Promise<readonly LoggedMessage[]>;

/** How long before the last live message a reading begins: clocks of two machines differ. */
const LOOK_BACK_MS = 10_000;

export class RunFeed {
  readonly #readLog: ReadLog;
  readonly #onEnd: (incomplete: boolean) => void;
  #buffer: RunEvent[] = [];
  #attempt = 0;
  #next = 1;
  #ended = false;
  #behind = false;
  #aside: { message: EventMessage; isEnd: boolean }[] = [];
  #refilling = false;
  #position: LogPosition | undefined;
  #heardAtMs = Date.now();
  #arrived = Promise.withResolvers<void>();
  #closed = false;

  /**
   * `onEnd` is called once, when the end has been taken in (the reader may be behind); `incomplete`
   * when the log has a gap, so that the end was made here.
   */
  constructor(readLog: ReadLog, onEnd: (incomplete: boolean) => void) {
    this.#readLog = readLog;
    this.#onEnd = onEnd;
  }

  /** Whether a worker has begun. */
  get started(): boolean {
    return this.#attempt > 0;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Events held for the reader now. */
  get buffered(): number {
    return this.#buffer.length;
  }

  /** Takes one live message. */
  push(message: EventMessage, end: boolean): void {
    if (this.#ended || this.#closed) return;
    if (this.#behind) {
      if (this.#aside.length < ASIDE_MAX) this.#aside.push({ message, isEnd: end });
      return;
    }
    if (this.#accept(message, end)) this.#heardAtMs = Date.now();
    else this.#fallBehind({ message, isEnd: end });
  }

  /**
   * Reads the log from where this feed stands: after a reconnect, or when silence is suspicious.
   */
  catchUp(): void {
    if (!this.#ended && !this.#closed) this.#fallBehind(undefined);
  }

  /** The events, in order. Finishes after the end, or when `signal` aborts. */
  async *events(signal?: AbortSignal): AsyncGenerator<RunEvent> {
    const onAbort = (): void => this.#arrived.resolve();
    signal?.addEventListener('abort', onAbort);
    try {
      while (signal?.aborted !== true) {
        const batch = this.#buffer;
        this.#buffer = [];
        if (this.#behind) void this.#refill();
        for (const event of batch) {
          yield event;
          if (isEnd(event)) return;
        }
        if (batch.length > 0) continue;
        if (this.#closed) return;
        await this.#arrived.promise;
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** No more events come: wakes the reader. */
  close(): void {
    this.#closed = true;
    this.#arrived.resolve();
  }

  /** @returns false when there is a gap before `message`, or no room for it. */
  #accept(message: EventMessage, end: boolean): boolean {
    const { a, n, e } = message;
    // An end without an attempt was written by a gateway: it counts wherever the log stands.
    if (end && a === 0) return this.#append(e, true);
    if (a < this.#attempt) return true;
    if (a > this.#attempt) {
      if (n !== 1) return false;
      this.#attempt = a;
      this.#next = 1;
    }
    if (n > this.#next) return false;
    const known = this.#next - n;
    if (known >= e.length && !end) return true;
    if (!this.#append(known === 0 ? e : e.slice(known), end)) return false;
    this.#next = n + e.length;
    return true;
  }

  #append(events: readonly RunEvent[], end: boolean, incomplete = false): boolean {
    const held = this.#buffer.length;
    // An empty buffer takes any message, or a large one would never get in.
    if (!end && held > 0 && held + events.length > BUFFER_EVENTS_MAX) return false;
    this.#buffer.push(...events);
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
    if (end) {
      this.#ended = true;
      this.#aside = [];
      this.#onEnd(incomplete);
    }
    return true;
  }

  #fallBehind(first: { message: EventMessage; isEnd: boolean } | undefined): void {
    if (!this.#behind) this.#aside = first === undefined ? [] : [first];
    this.#behind = true;
    void this.#refill();
  }

  /** Reads on until nothing is missing, or the buffer is full again. */
  async #refill(): Promise<void> {
    if (this.#refilling) return;
    this.#refilling = true;
    try {
      while (this.#behind && !this.#ended && !this.#closed) {
        if (this.#buffer.length > BUFFER_EVENTS_MAX / 2) return; // The reader calls again.
        const read = await this.#readSafely();
        if (read === 'again') continue;
        if (read === undefined) {
          await pause(REREAD_MS * 10);
          continue;
        }
        const room = read.every((logged) => this.#takeLogged(logged));
        if (!room || this.#ended) continue;
        if (read.length > 0) continue;
        if (!this.#rejoin()) await pause(REREAD_MS);
      }
    } finally {
      this.#refilling = false;
    }
  }

  #takeLogged(logged: LoggedMessage): boolean {
    if (this.#ended) return true;
    if (this.#hasGap(logged)) {
      // Writers store in order, so a gap in the log itself is one that nothing fills any more.
      this.#append([INCOMPLETE], true, true);
      return true;
    }
    if (!this.#accept(logged.message, logged.isEnd)) return false;
    this.#position = { seq: logged.seq + 1 };
    return true;
  }

  #hasGap({ message: { a, n } }: LoggedMessage): boolean {
    return a > 0 && a >= this.#attempt && n > (a === this.#attempt ? this.#next : 1);
  }

  /** The log holds no more: what came meanwhile follows. @returns false when it still has a gap. */
  #rejoin(): boolean {
    const aside = this.#aside;
    this.#aside = [];
    if (aside.length >= ASIDE_MAX) return false; // More may have come than was kept.
    for (const [index, { message, isEnd: end }] of aside.entries()) {
      if (this.#accept(message, end)) continue;
      this.#aside = aside.slice(index);
      return false;
    }
    this.#behind = false;
    return true;
  }

  /** @returns undefined when NATS did not answer; `again` to begin at the very first message. */
  async #readSafely(): Promise<readonly LoggedMessage[] | 'again' | undefined> {
    const position = this.#position ?? { fromMs: this.#heardAtMs - LOOK_BACK_MS };
    let read: readonly LoggedMessage[];
    try {
      read = await this.#readLog(position);
    } catch {
      // NATS is away: the link's return calls catchUp, and this loop tries on as well.
      return undefined;
    }
    const [first] = read;
    // Nothing may be judged missing that was only not looked for.
    if (first !== undefined && 'fromMs' in position && this.#hasGap(first)) {
      this.#position = { seq: 1 };
      return 'again';
    }
    return read;
  }
}

const INCOMPLETE: RunEvent = {
  type: 'failed',
  code: 'answer_incomplete',
  message: 'Part of the answer is no longer stored.',
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
