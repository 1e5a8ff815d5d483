/**
 * Numbers that all gateways add to, each under a key and a window of time, in NATS message
 * counters: one subject each, and the server's acknowledgement carries the new total.
 *
 * - L1 the total that `add` returns holds its own amount and every other one acknowledged before.
 *   So of all who add first and then look, no more get in than fit, over all gateways.
 * - L2 nothing is added twice. An addition without an answer is not repeated: it may have counted,
 *   and then it stands, for the length of its window.
 * - L3 nothing is taken away twice, or that may not have been added: it would let too much in.
 */
import {
  countersStream,
  counterSubject,
  type CounterSpan,
  SwitchboardError,
  userToken,
} from '@switchboard/contract';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import { api, store, StoreError } from '../link/store.ts';
import { CounterStream, type CounterStreamOptions } from './counter-stream.ts';

export interface CountersOptions extends CounterStreamOptions {
  /** Default 500 ms: an addition takes 0.3 ms, and who waits longer had better be refused. */
  readonly answerTimeoutMs?: number | undefined;
}

const ANSWER_TIMEOUT_MS = 500;
/** How long a correction that NATS has surely not got is tried again. */
const CORRECTION_PATIENCE_MS = 30_000;
const CORRECTION_RETRY_MS = 250;
/** Corrections that wait at once; what comes on top is given up. */
const CORRECTIONS_MAX = 10_000;
const REPORT_EVERY_MS = 10_000;

export class Counters {
  readonly #link: NatsLink;
  readonly #options: CountersOptions;
  readonly #stream: CounterStream;
  readonly #timeoutMs: number;
  readonly #closing = new AbortController();
  #waiting = 0;
  #pause: Promise<void> | undefined;
  #lost = 0;
  #reportedAtMs = -Infinity;

  constructor(link: NatsLink, options: CountersOptions) {
    this.#link = link;
    this.#options = options;
    this.#stream = new CounterStream(link, options);
    this.#timeoutMs = options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
  }

  get span(): CounterSpan {
    return this.#options.span;
  }

  /** Connected, and the stream is made. */
  get ready(): boolean {
    return this.#stream.made;
  }

  /** Begins to keep the stream made; returns at once. */
  start(): void {
    this.#stream.start();
  }

  /** Gives up the corrections that wait. The link belongs to the caller. */
  close(): void {
    this.#closing.abort();
    this.#stream.close();
  }

  /**
   * Adds `amount` (a whole number, may be negative) to the count of `key` in `window`; the key is
   * hashed before it leaves the process. Not interrupted by `signal` once it was sent: the total
   * is needed to undo it. @returns the new total
   * @throws SwitchboardError `queue_unavailable`: NATS is away or has not answered in time.
   *   The amount may have been counted.
   */
  async add(key: string, window: number, amount: number, signal?: AbortSignal): Promise<number> {
    signal?.throwIfAborted();
    try {
      return await this.#add(key, window, amount);
    } catch (error) {
      throw unavailable(error);
    }
  }

  /**
   * The count now; 0 when nothing was added, or it was longer ago than it is kept.
   * @throws SwitchboardError `queue_unavailable`
   */
  async read(key: string, window: number): Promise<number> {
    const { span } = this.#options;
    const body = { last_by_subj: counterSubject(span, userToken(key), window) };
    const call = `STREAM.MSG.GET.${countersStream(span)}`;
    try {
      return parseMessage(await api(this.#link, call, body, this.#timeoutMs));
    } catch (error) {
      const isNone = error instanceof StoreError && error.failure === 'not_found';
      if (isNone && !error.message.includes('stream')) return 0;
      if (isNone) this.#stream.make();
      throw unavailable(error);
    }
  }

  /**
   * Adds `amount` some time soon: a refund, or what an estimate was off by. Never throws. Tried
   * again for 30 s while NATS has surely not got it, and given up when it may have (L3).
   */
  async correct(key: string, window: number, amount: number): Promise<void> {
    const giveUpAtMs = performance.now() + CORRECTION_PATIENCE_MS;
    for (;;) {
      try {
        await this.#add(key, window, amount);
        return;
      } catch (error) {
        const isAway = error instanceof StoreError && error.failure === 'away';
        const isOver = this.#closing.signal.aborted || performance.now() > giveUpAtMs;
        if (!isAway || isOver || this.#waiting >= CORRECTIONS_MAX) {
          this.#reportLost(error);
          return;
        }
      }
      await this.#wait();
    }
  }

  async #add(key: string, window: number, amount: number): Promise<number> {
    const subject = counterSubject(this.#options.span, userToken(key), window);
    const headers = { 'Nats-Incr': amount < 0 ? String(amount) : `+${amount}` };
    try {
      const options = { headers, timeoutMs: this.#timeoutMs };
      const { total } = await store(this.#link, subject, '', options);
      return parseTotal(total);
    } catch (error) {
      // Nobody answers although there is a connection: the stream may have vanished.
      if (error instanceof StoreError && error.failure === 'away') this.#stream.make();
      throw error;
    }
  }

  /** One timer for all that wait. */
  async #wait(): Promise<void> {
    this.#pause ??= abortableSleep(CORRECTION_RETRY_MS, this.#closing.signal).finally(() => {
      this.#pause = undefined;
    });
    this.#waiting += 1;
    await this.#pause;
    this.#waiting -= 1;
  }

  #reportLost(cause: unknown): void {
    this.#lost += 1;
    const now = performance.now();
    if (now - this.#reportedAtMs < REPORT_EVERY_MS) return;
    const { log, span } = this.#options;
    const reason = cause instanceof Error ? cause.message : String(cause);
    log.warn({ span, corrections: this.#lost, reason }, 'corrections of counters were given up');
    this.#reportedAtMs = now;
    this.#lost = 0;
  }
}

function parseMessage(answer: object): number {
  const { message } = answer as { message?: { data?: string } };
  const body = Buffer.from(message?.data ?? '', 'base64').toString();
  return parseTotal((JSON.parse(body) as { val?: string }).val);
}

/** Beyond 2^53 only nearly exact: so far only what is refused gets. */
function parseTotal(digits: string | undefined): number {
  if (digits === undefined || !/^-?\d+$/.test(digits)) {
    throw new StoreError('refused', 'not the total of a counter');
  }
  return Number(digits);
}

function unavailable(cause: unknown): unknown {
  if (!(cause instanceof StoreError)) return cause;
  return new SwitchboardError(
    'queue_unavailable',
    'What you have used cannot be counted at the moment. Try again in a moment.',
    { retryAfterMs: 2_000, cause },
  );
}
