import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { ClientAddresses, clientKey, plainAddress } from './client-address.ts';

function from(peer: string, forwarded?: string): IncomingMessage {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return { headers, socket: { remoteAddress: peer } } as unknown as IncomingMessage;
}

describe('the address of a client', () => {
  const addresses = new ClientAddresses(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32']);

  const CASES = [
    // From whom, what it says, who it is.
    ['203.0.113.1', '198.51.100.1', '203.0.113.1'],
    ['10.1.1.1', '198.51.100.1', '198.51.100.1'],
    ['10.1.1.1', '6.6.6.6, 198.51.100.1', '198.51.100.1'],
    ['10.1.1.1', '198.51.100.1, 192.0.2.7, 10.9.9.9', '198.51.100.1'],
    ['10.1.1.1', '10.2.2.2', '10.2.2.2'],
    ['10.1.1.1', undefined, '10.1.1.1'],
    ['10.1.1.1', '', '10.1.1.1'],
    ['10.1.1.1', 'unknown, 10.2.2.2', '10.2.2.2'],
    ['10.1.1.1', '<script>', '10.1.1.1'],
    ['192.0.2.8', '198.51.100.1', '192.0.2.8'],
    ['::ffff:10.1.1.1', '198.51.100.1:4711', '198.51.100.1'],
    ['2001:db8::1', '[2001:db9::2]:4711', '2001:db9::2'],
    ['10.1.1.1', '::ffff:198.51.100.1', '198.51.100.1'],
  ] as const;
  for (const [peer, forwarded, client] of CASES) {
    it(`is ${client} when ${peer} says ${forwarded ?? 'nothing'}`, () => {
      assert.equal(addresses.of(from(peer, forwarded)), client);
    });
  }

  it('is that of the peer when no proxy is trusted, also on this machine', () => {
    assert.equal(new ClientAddresses([]).of(from('127.0.0.1', '198.51.100.1')), '127.0.0.1');
  });

  it('has a bound of its own unless it is a proxy or this machine', () => {
    const bounded = ['10.1.1.1', '127.0.0.1', '::1', '203.0.113.1', 'unknown'].filter(
      (address) => !addresses.isExempt(address),
    );
    assert.deepEqual(bounded, ['203.0.113.1', 'unknown']);
  });

  it('counts as one with all of its /64, however it is written', () => {
    const one = ['2001:DB9:0:1::2', '2001:db9::1:ffff:0:0:3', '2001:0db9:0000:0001:a:b:c:d'];
    assert.deepEqual(new Set(one.map(clientKey)), new Set(['2001:db9:0:1::/64']));
    assert.equal(clientKey('::1'), '0:0:0:0::/64');
    assert.equal(clientKey('203.0.113.1'), '203.0.113.1');
    assert.equal(plainAddress('fe80::1%eth0'), 'fe80::1');
  });
});
