import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { RemoteInfo } from 'node:dgram';
import { lookup as systemLookup } from 'node:dns/promises';
import { after, before, beforeEach, test } from 'node:test';
import { until } from '@switchboard/testkit';
import { nameLookup } from './public-lookup.ts';
import type { NameLookupOptions } from './public-lookup.ts';

const [A, AAAA] = [1, 28];
const NO_SUCH_NAME = 3;

/** What the name server below says of a type: addresses as bytes, a code, or nothing at all. */
type Answer = readonly (readonly number[])[] | number | undefined;

let answer: (type: number) => Answer;
let asked: string[] = [];
const nameServer = createSocket('udp4');

before(async () => {
  nameServer.on('message', (query: Buffer, from: RemoteInfo) => {
    const { name, end } = questionOf(query);
    const type = query.readUInt16BE(end - 4);
    asked.push(`${name} ${type === A ? 'A' : 'AAAA'}`);
    const said = answer(type);
    if (said !== undefined) nameServer.send(reply(query, end, type, said), from.port, from.address);
  });
  await new Promise<void>((resolve) => nameServer.bind(0, '127.0.0.1', resolve));
});
after(() => nameServer.close());
beforeEach(() => {
  asked = [];
  answer = () => undefined;
});

/** So long that no lookup ends by it in a test. c-ares waits no longer for a name server. */
const LONGEST_MS = 5_000;

function lookUp(
  host: string,
  signal = new AbortController().signal,
  options: NameLookupOptions = {},
): ReturnType<ReturnType<typeof nameLookup>> {
  const servers = [`127.0.0.1:${nameServer.address().port}`];
  const limits = { serverTimeoutMs: LONGEST_MS, timeoutMs: 10 * LONGEST_MS };
  return nameLookup({ servers, ...limits, ...options })(host, signal);
}

test('name servers are asked for the addresses of both families', async () => {
  const six = [0x26, 0x06, 0x47, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x11, 0x11];
  answer = (type) =>
    type === A
      ? [
          [93, 184, 216, 34],
          [10, 0, 0, 1],
        ]
      : [six];
  assert.deepEqual(await lookUp('page.test'), [
    { address: '93.184.216.34', family: 4 },
    { address: '10.0.0.1', family: 4 },
    { address: '2606:4700::1111', family: 6 },
  ]);
  assert.deepEqual(asked.toSorted(), ['page.test A', 'page.test AAAA']);
});

test('addresses of one family are enough; a name of neither is not known', async () => {
  answer = (type) => (type === A ? [[93, 184, 216, 34]] : []);
  assert.deepEqual(await lookUp('four.test'), [{ address: '93.184.216.34', family: 4 }]);
  answer = (type) => (type === AAAA ? [Array<number>(16).fill(0x26)] : NO_SUCH_NAME);
  assert.deepEqual(
    (await lookUp('six.test')).map(({ family }) => family),
    [6],
  );
  answer = () => NO_SUCH_NAME;
  await assert.rejects(lookUp('none.test'), { code: 'ENOTFOUND' });
});

test('lookups of a silent name server hold up no other lookup, and end when they are told', async () => {
  const stop = new AbortController();
  let ended = 0;
  // More than the threads which the system's lookups share.
  const silent = Array.from({ length: 8 }, (_, number) =>
    assert
      .rejects(lookUp(`silent${number}.test`, stop.signal), { code: 'ECANCELLED' })
      .finally(() => (ended += 1)),
  );
  await until(() => asked.length === 16, { what: 'all questions' });
  await systemLookup('localhost');
  assert.equal(ended, 0);
  stop.abort();
  await Promise.all(silent);
  await assert.rejects(lookUp('late.test', stop.signal), { name: 'AbortError' });
});

test('a lookup that takes too long ends by itself', async () => {
  const limited = (limits: NameLookupOptions) => lookUp('silent.test', undefined, limits);
  await assert.rejects(limited({ timeoutMs: 20 }), { code: 'ECANCELLED' });
  await assert.rejects(limited({ serverTimeoutMs: 20 }), { code: 'ETIMEOUT' });
});

function questionOf(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), end: at + 5 };
}

function reply(query: Buffer, end: number, type: number, said: Exclude<Answer, undefined>): Buffer {
  const code = typeof said === 'number' ? said : 0;
  const addresses = typeof said === 'number' ? [] : said;
  const head = Buffer.from(query.subarray(0, end));
  // A response, and recursion was available.
  head.writeUInt16BE(0x81_80 + code, 2);
  head.writeUInt16BE(addresses.length, 6);
  // What the query has besides its question.
  head.writeUInt16BE(0, 10);
  // The name is the question's; class IN, for a minute.
  const records = addresses.map((address) =>
    Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, address.length, ...address]),
  );
  return Buffer.concat([head, ...records]);
}
