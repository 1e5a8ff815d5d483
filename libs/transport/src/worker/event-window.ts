/**
 * Messages on their way into the log: sent without waiting, kept until one acknowledgement covers
 * them, and sent again when a lost connection may have swallowed them.
 */
import { LEASE_MS } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { store } from '../link/store.ts';

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

export class EventWindow {
  readonly #link: NatsLink;
  readonly #subject: () => string;
  readonly #unstored: Unstored[] = [];
  #lastStoredSentAtMs = 0;
  #sinceAck = 0;
  #acking: Promise<unknown> | undefined;

  constructor(link: NatsLink, subject: () => string) {
    this.#link = link;
    this.#subject = subject;
  }

  /** Whether a writer must wait. */
  get isFull(): boolean {
    return this.#unstored.length >= WINDOW_MESSAGES;
  }

  get isEmpty(): boolean {
    return this.#unstored.length === 0;
  }

  /** Milliseconds since the last message that is known to be stored was sent. */
  leaseAgeMs(now: number): number {
    return now - this.#lastStoredSentAtMs;
  }

  /** The claim is stored: what is sent from now on renews it. */
  begin(sentAtMs: number): void {
    this.#lastStoredSentAtMs = sentAtMs;
  }

  add(data: string): void {
    this.#unstored.push({ data, epoch: -1 });
    this.#sinceAck += 1;
  }

  /** Sends what was added, and now and then asks whether it is stored. */
  send(): void {
    if (!this.#link.connected) return; // It goes out with the next sign of life.
    const due =
      this.#sinceAck >= ACK_EVERY_MESSAGES || this.leaseAgeMs(performance.now()) >= ACK_EVERY_MS;
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
    await this.quiet();
    if (!this.#link.connected) return false;
    this.#publishUnstored();
    return this.#publishAcked(data());
  }

  /** Resolves when no acknowledgement is waited for. */
  async quiet(): Promise<void> {
    while (this.#acking !== undefined) await this.#acking;
  }

  /** Publishes what this connection has not carried yet, in order. */
  #publishUnstored(): void {
    const { epoch, connection } = this.#link;
    for (const each of this.#unstored) {
      if (each.epoch === epoch) continue;
      each.epoch = epoch;
      connection.publish(this.#subject(), each.data);
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
    const acked = store(this.#link, this.#subject(), data, { timeoutMs: 2_000 }).then(
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

  #renewed(sentAtMs: number): void {
    // A claim that has run out may be somebody else's by now.
    if (this.leaseAgeMs(sentAtMs) > LEASE_MS) return;
    this.#lastStoredSentAtMs = Math.max(this.#lastStoredSentAtMs, sentAtMs);
  }
}
