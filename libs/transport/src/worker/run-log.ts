/**
 * The writing end of one run's events: fence, numbered deltas with a windowed acknowledgement,
 * heartbeats, and the one end.
 *
 * Promises:
 * - L1 `open` stores `started` only if nothing was ever said of the run (one compare-and-set over
 *   all its subjects), or nothing since everybody else's claim has expired or was handed back.
 * - L2 events are stored in order without a gap before the end is, also over a reconnect: what is
 *   not known to be stored is kept (bounded) and sent again.
 * - L3 the end is stored once, and only while this attempt's claim is the last one
 *   ({@link RunEnding}).
 * - L4 without a stored event for LEASE_MS the claim counts as lost ({@link RunLog.leaseAgeMs}),
 *   and nothing that is sent later renews it.
 * - L5 nothing is sent under a claim that is lost: a worker that was frozen, anywhere and for
 *   however long, says nothing of its own accord.
 */
import { randomBytes } from 'node:crypto';
import { ENVELOPE_BYTES, type RunEnd, type RunEvent, runLog } from '@switchboard/contract';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import { store, StoreError } from '../link/store.ts';
import { EventWindow } from './event-window.ts';
import { MessagePacker } from './message-packer.ts';
import { claimRun, type Opened } from './run-claim.ts';
import { type EndOutcome, RunEnding } from './run-ending.ts';
import { stamped } from './run-ends.ts';

const ROOM_RETRY_MS = 100;
const HAND_BACK_TIMEOUT_MS = 2_000;

export class RunLog {
  readonly run: string;
  readonly #link: NatsLink;
  readonly #claimant: string;
  readonly #now: () => number;
  readonly #window: EventWindow;
  readonly #packer: MessagePacker;
  /** Sequence of the claim that the end is written against. */
  #claimSeq = 0;
  #flushScheduled = false;
  #beating = false;
  #closed = false;

  /** `now`: for tests; see {@link EventWindow}. */
  constructor(link: NatsLink, run: string, worker: string, now = () => performance.now()) {
    this.#link = link;
    this.run = run;
    this.#claimant = `${worker}:${randomBytes(4).toString('hex')}`;
    this.#now = now;
    this.#window = new EventWindow(link, { subject: () => this.#subject, now });
    this.#packer = new MessagePacker(
      (data) => Buffer.byteLength(data) <= link.maxPayload - ENVELOPE_BYTES,
    );
  }

  get attempt(): number {
    return this.#packer.attempt;
  }

  get #subject(): string {
    return runLog(this.run, this.attempt);
  }

  /** Whether anything but `started` was written: such a run is never silently run again. */
  get shown(): boolean {
    return this.#packer.next > 2;
  }

  /** Milliseconds since the last message that is known to be stored was sent. */
  get leaseAgeMs(): number {
    return this.#window.leaseAgeMs;
  }

  /** L4. */
  get isLost(): boolean {
    return this.#window.isLost;
  }

  /**
   * Claims the run (L1). Retries while NATS is away until `signal` aborts. `restart`: also one
   * whose lost attempt had shown output; `alone`: also a suspect. @throws StoreError
   */
  async open(signal: AbortSignal, { restart = false, alone = false } = {}): Promise<Opened> {
    const options = { claimant: this.#claimant, restart, alone, now: this.#now };
    const claim = await claimRun(this.#link, this.run, options, signal);
    const { attempt, lostBefore } = claim;
    this.#packer.begin({ attempt, lostBefore, next: claim.opened.kind === 'started' ? 2 : 1 });
    this.#claimSeq = claim.seq;
    this.#window.begin(claim.sentAtMs);
    return claim.opened;
  }

  /**
   * Adds one event. Events of one turn of the event loop travel in one message. Resolves at once,
   * or when the window has room again or `signal` aborts: that is the backpressure on the model.
   * @throws SwitchboardError `provider_bad_response` for an event larger than a message may be
   */
  emit(event: RunEvent, signal?: AbortSignal): Promise<void> | undefined {
    this.#packer.add(event);
    if (this.#packer.isFull) this.#flush();
    else if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      setImmediate(() => this.#flush());
    }
    return this.#window.isFull ? this.#room(signal) : undefined;
  }

  /**
   * Resolves when everything that was added so far is stored. Rejects with the reason of an abort;
   * a claim that has run out is never waited for in vain, because the run is stopped for it.
   */
  async stored(signal: AbortSignal): Promise<void> {
    this.#flush();
    for (;;) {
      signal.throwIfAborted();
      if (this.#window.isEmpty || (await this.#confirm())) return;
      await abortableSleep(ROOM_RETRY_MS, signal);
    }
  }

  /**
   * Says that the run is alive and makes sure that all before it is stored (L2): what a lost
   * connection may have swallowed goes out again first. Never throws.
   */
  async heartbeat(): Promise<void> {
    if (this.#closed || this.#beating) return;
    this.#beating = true;
    try {
      await this.#confirm();
    } catch {
      // The connection closed in this moment: the next one makes up for it.
    } finally {
      this.#beating = false;
    }
  }

  /**
   * Stores the end (L2, L3), for as long as `signal` lets it try. Rejects with the reason of the
   * abort.
   */
  async end(end: RunEnd, signal: AbortSignal): Promise<EndOutcome> {
    this.#closed = true;
    const { before, last } = this.#packer.takeEnd(stamped(end));
    for (const data of before) this.#window.add(data);
    const ending = new RunEnding(this.#link, {
      run: this.run,
      window: this.#window,
      heartbeat: () => this.#packer.heartbeat(),
      claimSeq: this.#claimSeq,
    });
    return ending.store(last, signal);
  }

  /** Gives an unfinished run back so that another worker may take it at once. @throws StoreError */
  async handBack(): Promise<void> {
    this.#flush();
    this.#closed = true;
    if (!this.#window.isEmpty && !(await this.#confirm())) {
      throw new StoreError('unknown', 'what was said last is not known to be stored');
    }
    if (this.isLost) throw new StoreError('refused', 'the claim on the run ran out');
    const options = { timeoutMs: HAND_BACK_TIMEOUT_MS };
    await store(this.#link, this.#subject, this.#packer.handBack(), options);
  }

  /** Stops writing, without an end: the claim is lost or the worker gives up. */
  close(): void {
    this.#closed = true;
  }

  /** @returns whether everything written so far is stored. */
  #confirm(): Promise<boolean> {
    return this.#window.confirm(() => this.#packer.heartbeat());
  }

  #flush(): void {
    this.#flushScheduled = false;
    if (this.#closed) return;
    const messages = this.#packer.takeAll();
    for (const data of messages) this.#window.add(data);
    if (messages.length > 0) this.#window.send();
  }

  async #room(signal: AbortSignal = NEVER): Promise<void> {
    while (this.#window.isFull && !this.#closed && !signal.aborted) {
      if (!(await this.#confirm())) await abortableSleep(ROOM_RETRY_MS, signal);
    }
  }
}

const NEVER = new AbortController().signal;
