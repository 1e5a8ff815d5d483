/**
 * One request as it was handed to a slot, and what can be said to the queue about it. The
 * acknowledgement protocol is plain text on the reply subject.
 */
import type { Msg } from '@nats-io/transport-node';
import { ACK_WAIT_MS } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';

/** What could not be done because NATS is away is tried again after this long. */
export const AWAY_RETRY_MS = 1_000;

export interface Delivery {
  readonly subject: string;
  readonly headers: Msg['headers'];
  readonly data: Uint8Array;
  /** `$JS.ACK.<stream>.<consumer>.<delivered>.<seq>.<consumer seq>.<stored at, ns>.<pending>` */
  readonly reply: string;
  /** When it was asked for, which is before it was handed out (`performance.now()`). */
  readonly askedAtMs: number;
}

/**
 * Whether the request may have been handed out again since: a process that was stopped finds in its
 * socket what came long ago, and perhaps has ended long ago.
 */
export function isStale({ askedAtMs }: Delivery): boolean {
  return performance.now() - askedAtMs > ACK_WAIT_MS;
}

/** When the request was stored, epoch milliseconds by the server's clock. */
export function storedAtMs(delivery: Delivery): number {
  // With a domain the subject has two or three tokens more, all before the stream's name.
  return Number(delivery.reply.split('.').at(-2)) / 1_000_000;
}

/** How often it was handed out, this time included. */
export function timesDelivered(delivery: Delivery): number {
  return Number(delivery.reply.split('.').at(-5));
}

/**
 * Removes the request from the queue. Nobody waits for the server to say that it did: its end is
 * stored, so if this is lost the request comes back, meets its end, and is acknowledged again.
 */
export function acknowledge(link: NatsLink, reply: string): void {
  if (link.connected) link.connection.publish(reply, '+ACK');
}

/** Renews the claim on the request. */
export function inProgress(link: NatsLink, reply: string): void {
  if (link.connected) link.connection.publish(reply, '+WPI');
}

/** Gives the request back, to be handed out again after `delayMs`. */
export function giveBack(link: NatsLink, reply: string, delayMs: number): void {
  if (!link.connected) return; // It comes back by itself when its claim runs out.
  const nak = delayMs > 0 ? `-NAK {"delay":${delayMs * 1_000_000}}` : '-NAK';
  link.connection.publish(reply, nak);
}
