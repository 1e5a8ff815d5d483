/**
 * The writing end of one run's events: fence, numbered deltas with a windowed acknowledgement,
 * heartbeats, and the one end.
 *
 * Promises:
 * - L1 `open` stores `started` only if nothing was ever said of the run (one compare-and-set over
 *   all its subjects), or nothing since everybody else's claim has expired or was handed back.
 * - L2 events are stored in order without a gap before the end is, also over a reconnect: what is
 *   not known to be stored is kept (bounded) and sent again.
 * - L3 the end is stored once, and only while this attempt's claim is the last one: it is compared
 *   against claims and end alone, so no late event of anybody can make it pass.
 * - L4 without a stored event for LEASE_MS the claim counts as lost ({@link RunLog.leaseAgeMs}),
 *   and nothing that is sent later renews it.
 */
import { randomBytes } from 'node:crypto';
import {
  ENVELOPE_BYTES,
  LEASE_MS,
  runClaim,
  type RunEnd,
  runEnd,
  type RunEvent,
  runEvents,
  runLog,
  runState,
  SwitchboardError,
  TAKEOVER_MS,
} from '@switchboard/contract';
import { hasEvents, readState } from '../events/log-reader.ts';
import type { NatsLink } from '../link/nats-link.ts';
import { store, StoreError } from '../link/store.ts';
import { MESSAGE_CHARS_MAX, MESSAGE_EVENTS_MAX, toParts } from './event-parts.ts';

/**
 * What `open` found.
 * - `started`: the run is ours; `attempt` says which try this is, `lostBefore` how many of the
 *   earlier ones were lost with their workers.
 * - `ended`: it has its end; nothing is left to do but to acknowledge the request.
 * - `busy`: somebody runs it, or did until a moment ago: ask again later.
 * - `lost`: an earlier attempt had already shown output and is gone: it must not be run again.
 */
export type Opened =
  | { readonly kind: 'started'; readonly attempt: number; readonly lostBefore: number }
  | { readonly kind: 'ended' }
  | { readonly kind: 'busy' }
  | { readonly kind: 'lost'; readonly attempt: number };

/** Messages not yet known to be stored; a writer that has more waits. */
const WINDOW_MESSAGES = 256;
/** Every so many messages, or after so long, one asks for an acknowledgement. */
const ACK_EVERY_MESSAGES = 32;
const ACK_EVERY_MS = 1_000;

interface Unstored {
  readonly data: string;
  /** The connection it went out on; -1 while it never did. */
  epoch: number;
}

const TOO_LARGE = {
  type: 'failed',
  code: 'provider_bad_response',
  message: 'One part of the answer is larger than can be carried.',
} as const;

export class RunLog {
  readonly run: string;
  readonly #link: NatsLink;
  /** Names this claim, no other of the same worker. */
  readonly #claimant: string;
  readonly #unstored: Unstored[] = [];
  /** Events as JSON, not yet in a message. */
  readonly #buffer: string[] = [];
  #attempt = 0;
  #lostBefore = 0;
  #next = 1;
  /** Sequence of the claim that the end is written against. */
  #claimSeq = 0;
  #lastStoredSentAtMs = 0;
  #sinceAck = 0;
  #acking: Promise<unknown> | undefined;
  #flushScheduled = false;
  #closed = false;

  constructor(link: NatsLink, run: string, worker: string) {
    this.#link = link;
    this.run = run;
    this.#claimant = `${worker}:${randomBytes(4).toString('hex')}`;
  }

  get attempt(): number {
    return this.#attempt;
  }

  get #subject(): string {
    return runLog(this.run, this.#attempt);
  }

  /** Whether anything but `started` was written: such a run is never silently run again. */
  get shown(): boolean {
    return this.#next > 2;
  }

  /** Milliseconds since the last message that is known to be stored was sent. */
  leaseAgeMs(now: number): number {
    return now - this.#lastStoredSentAtMs;
  }

  /** Claims the run (L1). Retries while NATS is away until `signal` aborts. @throws StoreError */
  async open(signal: AbortSignal): Promise<Opened> {
    this.#attempt = 1;
    for (let expectedLast = 0; ;) {
      signal.throwIfAborted();
      const data = this.#message([JSON.stringify({ type: 'started', worker: this.#claimant })]);
      const sentAtMs = performance.now();
      try {
        const { seq } = await store(this.#link, runClaim(this.run), data, {
          expectedLast,
          filter: runEvents(this.run),
          timeoutMs: 2_000,
        });
        return this.#claimed(seq, sentAtMs);
      } catch (error) {
        const failure = error instanceof StoreError ? error.failure : undefined;
        if (failure !== 'conflict' && failure !== 'unknown') throw error;
      }
      const state = await readState(this.#link, this.run);
      if (state === undefined) {
        if (await hasEvents(this.#link, this.run)) {
          // The claim has aged out of the log, but what was said after it has not.
          return { kind: 'lost', attempt: this.#attempt };
        }
        expectedLast = 0; // Not stored after all, or the log was emptied: say it again.
        continue;
      }
      if (state.isEnd) return { kind: 'ended' };
      if (state.text === data) return this.#claimed(state.seq, sentAtMs);
      const { message, back } = state;
      if (!back && state.silentMs < TAKEOVER_MS) return { kind: 'busy' };
      expectedLast = state.lastSeq;
      this.#attempt = message.a + 1;
      this.#lostBefore = (message.l ?? 0) + (back ? 0 : 1);
      if (state.shown) {
        this.#claimSeq = state.seq; // Nothing but an end is written, against the lost claim.
        return { kind: 'lost', attempt: this.#attempt };
      }
    }
  }

  /**
   * Adds one event. Events of one turn of the event loop travel in one message. Resolves at once,
   * or when the window has room again: that is the backpressure on the model.
   * @throws SwitchboardError `provider_bad_response` for an event larger than a message may be
   */
  emit(event: RunEvent): Promise<void> | undefined {
    this.#add(event);
    if (this.#buffer.length >= MESSAGE_EVENTS_MAX) this.#flush();
    else if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      setImmediate(() => this.#flush());
    }
    if (this.#unstored.length < WINDOW_MESSAGES) return undefined;
    return this.#room();
  }

  /**
   * Says that the run is alive and makes sure that all before it is stored (L2): what a lost
   * connection may have swallowed goes out again first. Never throws.
   */
  async heartbeat(): Promise<void> {
    if (!this.#closed) await this.#confirm();
  }

  /** @returns whether everything written so far is stored. */
  async #confirm(): Promise<boolean> {
    while (this.#acking !== undefined) await this.#acking;
    if (!this.#link.connected) return false;
    this.#publishUnstored();
    return this.#publishAcked(this.#message([]));
  }

  /**
   * Stores the end (L2, L3). Tries for as long as `signal` lets it: a worker that lives never gives
   * up an end. @returns `lost` when the run was ended or taken over by somebody else.
   */
  async end(end: RunEnd, signal: AbortSignal): Promise<'stored' | 'lost'> {
    this.#closed = true;
    this.#packAllButLast();
    const data = this.#endMessage(end);
    for (let delayMs = 50; ; delayMs = Math.min(delayMs * 2, 1_000)) {
      signal.throwIfAborted();
      const outcome = await this.#tryEnd(data);
      if (outcome !== 'again') return outcome;
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }

  /**
   * An end that no message can carry (a provider's huge strings) becomes a failure that says so.
   */
  #endMessage(end: RunEnd): string {
    const data = this.#message([...this.#buffer, JSON.stringify(end)]);
    const fits = data.length < MESSAGE_CHARS_MAX * 2 || this.#carries(data);
    if (!fits && this.#buffer.length > 0) this.#pack(this.#buffer);
    const carried = fits ? [...this.#buffer, JSON.stringify(end)] : [JSON.stringify(TOO_LARGE)];
    this.#buffer.length = 0;
    return this.#message(carried);
  }

  #carries(data: string): boolean {
    return Buffer.byteLength(data) <= this.#link.maxPayload - ENVELOPE_BYTES;
  }

  /** Gives an unfinished run back so that another worker may take it at once. @throws StoreError */
  async handBack(): Promise<void> {
    this.#closed = true;
    while (this.#acking !== undefined) await this.#acking;
    const data = this.#message([], ',"back":true');
    await store(this.#link, this.#subject, data, { timeoutMs: 2_000 });
  }

  /** Stops writing, without an end: the claim is lost or the worker gives up. */
  close(): void {
    this.#closed = true;
  }

  async #tryEnd(data: string): Promise<'stored' | 'lost' | 'again'> {
    while (this.#acking !== undefined) await this.#acking;
    if (!this.#link.connected) return 'again';
    if (this.#unstored.length > 0 && !(await this.#confirm())) return 'again';
    try {
      await store(this.#link, runEnd(this.run), data, {
        expectedLast: this.#claimSeq,
        filter: runState(this.run),
        timeoutMs: 2_000,
      });
      return 'stored';
    } catch (error) {
      const failure = error instanceof StoreError ? error.failure : 'refused';
      if (failure !== 'conflict' && failure !== 'unknown') return 'again';
    }
    return this.#afterConflict(data);
  }

  /** Something else came after the claim: our own end, somebody's end, a later attempt. */
  async #afterConflict(data: string): Promise<'stored' | 'lost' | 'again'> {
    try {
      const state = await readState(this.#link, this.run);
      if (state === undefined) {
        this.#claimSeq = 0; // The log was emptied (a new server): the end alone is what remains.
        return 'again';
      }
      if (state.isEnd) return state.text === data ? 'stored' : 'lost';
      if (state.seq !== this.#claimSeq) return 'lost';
    } catch {
      // NATS is away: the loop in end() waits and asks again.
    }
    return 'again';
  }

  #claimed(seq: number, sentAtMs: number): Opened {
    this.#next = 2;
    this.#claimSeq = seq;
    this.#lastStoredSentAtMs = sentAtMs;
    return { kind: 'started', attempt: this.#attempt, lostBefore: this.#lostBefore };
  }

  #add(event: RunEvent): void {
    for (const json of toParts(event)) {
      if (json.length > MESSAGE_CHARS_MAX && !this.#carries(json)) {
        throw new SwitchboardError(TOO_LARGE.code, TOO_LARGE.message);
      }
      this.#buffer.push(json);
    }
  }

  /**
   * The message of events that are JSON already; the counterpart of the contract's encodeEvents.
   */
  #message(events: readonly string[], back = ''): string {
    const lost = this.#lostBefore === 0 ? '' : `,"l":${this.#lostBefore}`;
    return `{"a":${this.#attempt},"n":${this.#next}${lost},"e":[${events.join(',')}]${back}}`;
  }

  #flush(): void {
    this.#flushScheduled = false;
    if (this.#closed || this.#buffer.length === 0) return;
    this.#packAllButLast();
    this.#pack(this.#buffer.splice(0));
    if (!this.#link.connected) return; // #confirm says it after the reconnect.
    const due =
      this.#sinceAck >= ACK_EVERY_MESSAGES ||
      performance.now() - this.#lastStoredSentAtMs >= ACK_EVERY_MS;
    const last = this.#unstored.at(-1);
    if (!due || this.#acking !== undefined || last === undefined) {
      this.#publishUnstored();
      return;
    }
    last.epoch = this.#link.epoch; // Goes out with the request for its acknowledgement.
    this.#publishUnstored();
    void this.#publishAcked(last.data);
  }

  /** Moves events into messages for as long as there is more than one message's worth. */
  #packAllButLast(): void {
    let chars = 0;
    let from = 0;
    for (const [index, json] of this.#buffer.entries()) {
      const full = index - from >= MESSAGE_EVENTS_MAX || chars + json.length > MESSAGE_CHARS_MAX;
      if (index > from && full) {
        this.#pack(this.#buffer.slice(from, index));
        from = index;
        chars = 0;
      }
      chars += json.length;
    }
    this.#buffer.splice(0, from);
  }

  #pack(events: readonly string[]): void {
    this.#unstored.push({ data: this.#message(events), epoch: -1 });
    this.#next += events.length;
    this.#sinceAck += 1;
  }

  /** Publishes what this connection has not carried yet, in order. */
  #publishUnstored(): void {
    const { epoch, connection } = this.#link;
    for (const each of this.#unstored) {
      if (each.epoch === epoch) continue;
      each.epoch = epoch;
      connection.publish(this.#subject, each.data);
    }
  }

  /**
   * Publishes one message and waits for its acknowledgement, which covers all that the same
   * connection carried before it. Never throws.
   */
  #publishAcked(data: string): Promise<boolean> {
    const count = this.#unstored.length;
    const { epoch } = this.#link;
    const sentAtMs = performance.now();
    this.#sinceAck = 0;
    const acked = store(this.#link, this.#subject, data, { timeoutMs: 2_000 }).then(
      () => {
        const covered = this.#unstored.slice(0, count).every((each) => each.epoch === epoch);
        if (covered) this.#unstored.splice(0, count);
        this.#renewed(sentAtMs);
        return covered;
      },
      () => {
        // Perhaps none of it arrived: the next one sends all of it again; readers drop repeats.
        for (const each of this.#unstored) each.epoch = -1;
        return false;
      },
    );
    this.#acking = acked.finally(() => {
      this.#acking = undefined;
    });
    return acked;
  }

  async #room(): Promise<void> {
    while (this.#unstored.length >= WINDOW_MESSAGES && !this.#closed) {
      if (!(await this.#confirm())) await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  #renewed(sentAtMs: number): void {
    // A claim that has run out may be somebody else's by now.
    if (this.leaseAgeMs(sentAtMs) > LEASE_MS) return;
    this.#lastStoredSentAtMs = Math.max(this.#lastStoredSentAtMs, sentAtMs);
  }
}
