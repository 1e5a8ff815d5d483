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
 * - L5 events are not sent once the claim counts as lost, except before an end, and then only after
 *   a look that nobody else has the run: a worker that was frozen says nothing of its own accord.
 */
import { randomBytes } from 'node:crypto';
import {
  ENVELOPE_BYTES,
  LEASE_MS,
  type RunEnd,
  runEnd,
  type RunEvent,
  runLog,
  runState,
  SwitchboardError,
} from '@switchboard/contract';
import { readState } from '../events/log-reader.ts';
import type { NatsLink } from '../link/nats-link.ts';
import { store, StoreError } from '../link/store.ts';
import { MESSAGE_CHARS_MAX, MESSAGE_EVENTS_MAX, toParts } from './event-parts.ts';
import { EventWindow } from './event-window.ts';
import { claimRun, type Opened } from './run-claim.ts';

const TOO_LARGE = {
  type: 'failed',
  code: 'provider_bad_response',
  message: 'One part of the answer is larger than can be carried.',
} as const;

export class RunLog {
  readonly run: string;
  readonly #link: NatsLink;
  readonly #claimant: string;
  readonly #window: EventWindow;
  /** Events as JSON, not yet in a message. */
  readonly #buffer: string[] = [];
  #attempt = 0;
  #lostBefore = 0;
  #next = 1;
  /** Sequence of the claim that the end is written against. */
  #claimSeq = 0;
  #flushScheduled = false;
  #closed = false;

  constructor(link: NatsLink, run: string, worker: string) {
    this.#link = link;
    this.run = run;
    this.#claimant = `${worker}:${randomBytes(4).toString('hex')}`;
    this.#window = new EventWindow(link, () => this.#subject);
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
    return this.#window.leaseAgeMs(now);
  }

  /**
   * Claims the run (L1). Retries while NATS is away until `signal` aborts. `restart`: also one
   * whose lost attempt had shown output. @throws StoreError
   */
  async open(signal: AbortSignal, restart = false): Promise<Opened> {
    const options = { claimant: this.#claimant, restart };
    const claim = await claimRun(this.#link, this.run, options, signal);
    this.#attempt = claim.attempt;
    this.#lostBefore = claim.lostBefore;
    this.#claimSeq = claim.seq;
    if (claim.opened.kind === 'started') {
      this.#next = 2;
      this.#window.begin(claim.sentAtMs);
    }
    return claim.opened;
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
    return this.#window.isFull ? this.#room() : undefined;
  }

  /**
   * Says that the run is alive and makes sure that all before it is stored (L2): what a lost
   * connection may have swallowed goes out again first. Never throws.
   */
  async heartbeat(): Promise<void> {
    if (!this.#closed && !this.#isLost()) await this.#confirm();
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

  /** Gives an unfinished run back so that another worker may take it at once. @throws StoreError */
  async handBack(): Promise<void> {
    this.#flush();
    this.#closed = true;
    if (!this.#window.isEmpty && !(await this.#confirm())) {
      throw new StoreError('unknown', 'what was said last is not known to be stored');
    }
    const data = this.#message([], ',"back":true');
    await store(this.#link, this.#subject, data, { timeoutMs: 2_000 });
  }

  /** Stops writing, without an end: the claim is lost or the worker gives up. */
  close(): void {
    this.#closed = true;
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

  async #tryEnd(data: string): Promise<'stored' | 'lost' | 'again'> {
    await this.#window.quiet();
    if (!this.#link.connected) return 'again';
    if (!this.#window.isEmpty) {
      // L5: after so long somebody else may have the run, and nothing of ours belongs there.
      const fate = this.#isLost() ? await this.#fate(data) : 'ours';
      if (fate !== 'ours') return fate;
      if (!(await this.#confirm())) return 'again';
    }
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
    const fate = await this.#fate(data);
    return fate === 'ours' ? 'again' : fate;
  }

  /** What came after the claim: our own end, somebody's end or later attempt, or nothing. */
  async #fate(data: string): Promise<'stored' | 'lost' | 'ours' | 'again'> {
    try {
      const state = await readState(this.#link, this.run);
      if (state === undefined) {
        this.#claimSeq = 0; // The log was emptied (a new server): the end alone is what remains.
        return 'ours';
      }
      if (state.isEnd) return state.text === data ? 'stored' : 'lost';
      return state.seq === this.#claimSeq ? 'ours' : 'lost';
    } catch {
      // NATS is away: the loop in end() waits and asks again.
      return 'again';
    }
  }

  /** @returns whether everything written so far is stored. */
  #confirm(): Promise<boolean> {
    return this.#window.confirm(() => this.#message([]));
  }

  /** L5. */
  #isLost(): boolean {
    return this.leaseAgeMs(performance.now()) > LEASE_MS;
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
    if (!this.#isLost()) this.#window.send();
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
    this.#window.add(this.#message(events));
    this.#next += events.length;
  }

  async #room(): Promise<void> {
    while (this.#window.isFull && !this.#closed) {
      if (this.#isLost() || !(await this.#confirm())) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}
