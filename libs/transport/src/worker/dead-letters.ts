/** Requests that are given up are kept for a person to look at. */
import { deadLetterSubject, gatewayOf, toError } from '@switchboard/contract';
import type { TransportLog } from '../link/log.ts';
import type { NatsLink } from '../link/nats-link.ts';
import { store } from '../link/store.ts';
import { acknowledge, AWAY_RETRY_MS, type Delivery, giveBack } from './delivery.ts';

/**
 * Keeps a copy of the request with the reason; `run`: its run, if it can be read.
 * @throws StoreError: then it must not be removed.
 */
export async function keepDeadLetter(
  link: NatsLink,
  pool: string,
  delivery: Delivery,
  { reason, run }: { readonly reason: string; readonly run?: string },
): Promise<void> {
  const id = delivery.headers?.get('Nats-Msg-Id');
  // Requests are stored under the names of their runs, so an unreadable one is found by it too.
  const name = run ?? id ?? '';
  const subject = deadLetterSubject(pool, gatewayOf(name) === undefined ? undefined : name);
  await store(link, subject, delivery.data, {
    ...(id === undefined || id === '' ? {} : { id }),
    headers: { 'Switchboard-Reason': reason, 'Switchboard-Subject': delivery.subject },
  });
}

/** Takes a request off the queue that no worker of this version can read. Never throws. */
export async function discardUnreadable(
  link: NatsLink,
  pool: string,
  delivery: Delivery,
  log: TransportLog,
): Promise<void> {
  log.error({ subject: delivery.subject }, 'a request could not be read; kept as a dead letter');
  try {
    await keepDeadLetter(link, pool, delivery, { reason: 'unreadable' });
    acknowledge(link, delivery.reply);
  } catch (error) {
    log.warn({ reason: toError(error).message }, 'dead letter not kept; trying again');
    giveBack(link, delivery.reply, AWAY_RETRY_MS);
  }
}
