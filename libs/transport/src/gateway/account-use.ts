import { accountFilter, requestsStream, userToken } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { api } from '../link/store.ts';

const ANSWER_TIMEOUT_MS = 2_000;

/**
 * Requests of an account in a pool, queued and running, over all gateways: each is one subject of
 * the queue until it has ended. @throws StoreError
 */
export async function outstandingOf(
  link: NatsLink,
  pool: string,
  account: string,
): Promise<number> {
  const body = { subjects_filter: accountFilter(pool, userToken(account)) };
  const info = await api(link, `STREAM.INFO.${requestsStream(pool)}`, body, ANSWER_TIMEOUT_MS);
  const { state } = info as { state?: { subjects?: Record<string, number> } };
  return Object.keys(state?.subjects ?? {}).length;
}
