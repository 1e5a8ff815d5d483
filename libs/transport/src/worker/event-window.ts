/**
 * Messages on their way into the log: sent without waiting, kept until one acknowledgement covers
 * them, and sent again when a lost connection may have swallowed them.
 *
 * The claim on the run lasts for {@link LEASE_MS} from the sending of the last message that is
 * known to be stored, and its age is looked at right before every sending: a process that was
 * stopped anywhere, and for however long, says nothing under a claim that ran out meanwhile. The
 * clock must go on while the process stands still; that of `performance.now()` does.
 */
import { LEASE_MS } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { store } from '../link/store.ts';

/** Messages not yet known to be stored; a writer that has more waits. */
const WINDOW_MESSAGES = 256;
/** Every so many messages, or after so long, one asks for an acknowledgement. */
const ACK_EVERY_MESSAGES = 32;
const ACK_EVERY_MS = 1_000;
const ACK_TIMEOUT_MS = 2_000;

interface Unstored {
  readonly data: string;
  /** The connection it went out on; -1 while it never did. */
  epoch: number;
  /** Of its last sending: whether it was acknowledged by itself, as it is in a cluster. */
  sending: { stored: boolean };
}

export interface EventWindowOptions {
  readonly subject: () => string;
  /** Milliseconds of a clock that never goes back and never stands still. */
  readonly now: () => number;
}

export class EventWindow {
  readonly #link: NatsLink;
  readonly #subject: () => string;
  readonly #now: () => number;
  readonly #unstored: Unstored[] = [];
  #lastStoredSentAtMs = 0;
  #sinceAck = 0;
  #acking: Promise<unknown> | undefined;

  constructor(link: NatsLink, { subject, now }: EventWindowOptions) {
    this.#link = link;
    this.#subject = subject;
    this.#now = now;
  }

  /** Whether a writer must wait. */
  get isFull(): boolean {
    return this.#unstored.length >= WINDOW_MESSAGES;
  }

  get isEmpty(): boolean {
    return this.#unstored.length === 0;
  }

  /** Milliseconds since the last message that is known to be stored was sent. */
  get leaseAgeMs(): number {
    return this.#now() - this.#lastStoredSentAtMs;
  }

  /** Whether the claim has run out: somebody else may have the run. */
  get isLost(): boolean {
    return this.leaseAgeMs > LEASE_MS;
  }

  /** The claim is stored: what is sent from now on renews it. */
  begin(sentAtMs: number): void {
    this.#lastStoredSentAtMs = sentAtMs;
  }

  add(data: string): void {
    this.#unstored.push({ data, epoch: -1, sending: { stored: false } });
    this.#sinceAck += 1;
  }

  /** Sends what was added, and now and then asks whether it is stored. */
  send(): void {
    if (!this.#maySend()) return; // It goes out with the next sign of life.
    const due = this.#sinceAck >= ACK_EVERY_MESSAGES || this.leaseAgeMs >= ACK_EVERY_MS;
    const last = this.#unstored.at(-1);
    if (!due || this.#acking !== undefined || last === undefined) {
      this.#publishUnstored();
      return;
    }
    last.epoch = this.#link.epoch; // Goes out with the request for its acknowledgement.
    this.#publishUnstored();
    void this.#publishAcked(last.data);
  }

  /**
   * Sends what may be lost, then `data()`, made only then, and waits for its acknowledgement.
   * Never throws. @returns whether everything so far is stored.
   */
  async confirm(data: () => string): Promise<boolean> {
    // Not quiet(): of several that wait, the first one must be seen by the others.
    while (this.#acking !== undefined) await this.#acking;
    if (!this.#maySend()) return false;
    this.#publishUnstored();
    return this.#publishAcked(data());
  }

  /**
   * Takes up a claim that has run out, if the last message on `filter` is still the one at
   * `expectedLast`: compared and set with the first message that is not known to be stored, so
   * that whoever claims the run in this moment makes it fail, or fails. Never throws.
   */
  async takeUp(expectedLast: number, filter: string): Promise<boolean> {
    while (this.#acking !== undefined) await this.#acking;
    const [first] = this.#unstored;
    if (first === undefined) return false;
    const sentAtMs = this.#now();
    const options = { expectedLast, filter, timeoutMs: ACK_TIMEOUT_MS };
    const taken = store(this.#link, this.#subject(), first.data, options).then(
      () => {
        this.#unstored.shift();
        this.#lastStoredSentAtMs = sentAtMs;
        return true;
      },
      () => false,
    );
    return this.#whileAcking(taken);
  }

  /** Resolves when no acknowledgement is waited for. */
  async quiet(): Promise<void> {
    while (this.#acking !== undefined) await this.#acking;
  }

  #maySend(): boolean {
    return this.#link.connected && !this.isLost;
  }

  /** Publishes what this connection has not carried yet, in order. */
  #publishUnstored(): void {
    const { epoch, connection } = this.#link;
    for (const each of this.#unstored) {
      if (each.epoch === epoch) continue;
      each.epoch = epoch;
      if (this.#link.clustered) this.#publishWatched(each);
      else connection.publish(this.#subject(), each.data);
    }
  }

  /**
   * In a cluster a connection outlives the stream's leader: what went to the old one may be lost
   * although the new one stores what follows. So one acknowledgement cannot speak for all.
   */
  #publishWatched(each: Unstored): void {
    const sending = { stored: false };
    each.sending = sending;
    const stored = (): void => {
      sending.stored = true;
    };
    const answer = store(this.#link, this.#subject(), each.data, { timeoutMs: ACK_TIMEOUT_MS });
    answer.then(stored, () => undefined);
  }

  /**
   * Publishes one message and waits for its acknowledgement, which covers all that the same
   * connection carried before it. One at a time. Never throws.
   */
  #publishAcked(data: string): Promise<boolean> {
    const count = this.#unstored.length;
    const { clustered, epoch } = this.#link;
    const sentAtMs = this.#now();
    this.#sinceAck = 0;
    const acked = store(this.#link, this.#subject(), data, { timeoutMs: ACK_TIMEOUT_MS }).then(
      () => {
        const covered = this.#unstored.slice(0, count).every((each) => {
          const stored = !clustered || each.sending.stored || each.data === data;
          return each.epoch === epoch && stored;
        });
        if (covered) this.#unstored.splice(0, count);
        else this.#sendAllAgain();
        this.#renewed(sentAtMs);
        return covered;
      },
      () => {
        this.#sendAllAgain();
        return false;
      },
    );
    return this.#whileAcking(acked);
  }

  /** Perhaps none of it arrived: the next one sends all of it again; readers drop repeats. */
  #sendAllAgain(): void {
    for (const each of this.#unstored) each.epoch = -1;
  }

  #whileAcking(acked: Promise<boolean>): Promise<boolean> {
    this.#acking = acked.finally(() => {
      this.#acking = undefined;
    });
    return acked;
  }

  #renewed(sentAtMs: number): void {
    // A claim that has run out may be somebody else's by now.
    if (sentAtMs - this.#lastStoredSentAtMs > LEASE_MS) return;
    this.#lastStoredSentAtMs = Math.max(this.#lastStoredSentAtMs, sentAtMs);
  }
}
