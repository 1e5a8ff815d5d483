/** Requests that are given up are kept for a person to look at. */
import { deadLetterSubject } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { store } from '../link/store.ts';
import type { Delivery } from './delivery.ts';

/** Keeps a copy of the request with the reason. @throws StoreError: then it must not be removed. */
export async function keepDeadLetter(
  link: NatsLink,
  pool: string,
  delivery: Delivery,
  reason: string,
): Promise<void> {
  const id = delivery.headers?.get('Nats-Msg-Id');
  await store(link, deadLetterSubject(pool), delivery.data, {
    ...(id === undefined || id === '' ? {} : { id }),
    headers: { 'Switchboard-Reason': reason, 'Switchboard-Subject': delivery.subject },
  });
}
