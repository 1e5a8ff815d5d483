import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { NatsLink } from '../link/nats-link.ts';
import type { Delivery } from './delivery.ts';
import { leaveToOthers } from './refusals.ts';

/** What is said of a request that was handed out so many times, with and without a domain. */
function leave(times: number, prefix = ''): { left: boolean; said: string[] } {
  const said: string[] = [];
  const publish = (_subject: string, data: string): void => void said.push(data);
  const link = { connected: true, connection: { publish } } as unknown as NatsLink;
  const reply = `$JS.ACK.${prefix}REQUESTS_default.normal1.${times}.7.8.1700000000000000000.9`;
  return { left: leaveToOthers(link, { reply } as Delivery, reply), said };
}

it('gives back what this worker does not know, after a pause, and not for ever', () => {
  for (const prefix of ['', 'domain.account.']) {
    for (const times of [1, 30]) {
      assert.deepEqual(leave(times, prefix), { left: true, said: ['-NAK {"delay":1000000000}'] });
    }
    assert.deepEqual(leave(31, prefix), { left: false, said: [] });
  }
});
