/** One request for a proxy must be one for the gateway: nothing hides in a body or in a header. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ErrorSchema } from '../src/docs/answer-schemas.ts';
import { COMPLETED, STARTED, text } from './fake-runs.ts';
import { CHAT, RawClient, post, startGateway } from './harness.ts';
import type { TestGateway } from './harness.ts';

let server: TestGateway;

before(async () => {
  server = await startGateway({ bodyTimeoutMs: 1_500 });
  server.runs.script = (run) => run.emit(STARTED, text('Hi'), COMPLETED);
});
after(() => server[Symbol.asyncDispose]());

const START = 'POST /v1/chat/completions HTTP/1.1\r\n';
const TYPE = 'content-type: application/json\r\n';
const HOST = `host: x\r\n${TYPE}`;
/** What would be a request of its own if the gateway read the bytes before it as a whole one. */
const HIDDEN = 'GET /v1/models/hidden HTTP/1.1\r\nhost: x\r\n\r\n';

const POST = `${START}${HOST}`;
const CHUNKED = `${POST}transfer-encoding: chunked\r\n\r\n`;
const REST = `0\r\n\r\n${HIDDEN}`;

/** Each must be answered with one 400, or with nothing, and the connection closed. */
const CASES: Readonly<Record<string, string>> = {
  'a length and chunks': `${POST}content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n${REST}`,
  'chunks and a length': `${POST}transfer-encoding: chunked\r\ncontent-length: 6\r\n\r\n${REST}`,
  'two lengths': `${POST}content-length: 2\r\ncontent-length: 60\r\n\r\n{}${HIDDEN}`,
  'two equal lengths': `${POST}content-length: 2\r\ncontent-length: 2\r\n\r\n{}${HIDDEN}`,
  'a list of lengths': `${POST}content-length: 2, 2\r\n\r\n{}${HIDDEN}`,
  'a length with a sign': `${POST}content-length: +2\r\n\r\n{}${HIDDEN}`,
  'a negative length': `${POST}content-length: -1\r\n\r\n${HIDDEN}`,
  'a length in hexadecimal': `${POST}content-length: 0x2\r\n\r\n{}${HIDDEN}`,
  'a length beyond all numbers': `${POST}content-length: ${'9'.repeat(30)}\r\n\r\n{}${HIDDEN}`,
  'a folded length': `${POST}content-length:\r\n 2\r\n\r\n{}${HIDDEN}`,
  'a folded header': `${POST}x-one: a\r\n b\r\ncontent-length: 2\r\n\r\n{}${HIDDEN}`,
  'a space before the colon': `${POST}content-length : 2\r\n\r\n{}${HIDDEN}`,
  'an unknown transfer coding': `${POST}transfer-encoding: xchunked\r\n\r\n${REST}`,
  'a coding after chunked': `${POST}transfer-encoding: chunked, identity\r\n\r\n${REST}`,
  'chunked twice': `${POST}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n${REST}`,
  'a chunk length with a sign': `${CHUNKED}+2\r\n{}\r\n${REST}`,
  'a chunk length beyond all numbers': `${CHUNKED}${'f'.repeat(20)}\r\n{}\r\n${REST}`,
  'a chunk longer than its length': `${CHUNKED}1\r\n{}\r\n${REST}`,
  'endless chunk extensions': `${CHUNKED}2;${'a'.repeat(20_000)}\r\n{}\r\n${REST}`,
  'a line feed alone after a chunk length': `${CHUNKED}2\n{}\n0\n\n${HIDDEN}`,
  'line feeds alone': `POST /v1/responses HTTP/1.1\nhost: x\ncontent-length: 2\n\n{}${HIDDEN}`,
  'a line feed alone between headers': `${POST}x-one: a\nx-two: b\r\n\r\n`,
  'a carriage return in a value': `${POST}x-one: a\rx-two: b\r\n\r\n`,
  'a zero byte in a value': `${POST}x-one: a\u0000b\r\n\r\n`,
  'a zero byte in a name': `${POST}x-\u0000one: a\r\n\r\n`,
  'a line feed in the path': `GET /v1/models\nx: y HTTP/1.1\r\nhost: x\r\n\r\n`,
  'a header without a name': `${POST}: a\r\n\r\n`,
  'two hosts': `${START}host: x\r\nhost: y\r\n${TYPE}content-length: 2\r\n\r\n{}`,
  'no host': `${START}${TYPE}content-length: 2\r\n\r\n{}`,
  'two content types': `${POST}${TYPE}content-length: 2\r\n\r\n{}`,
  'HTTP/0.9': 'GET /livez\r\n\r\n',
  'HTTP/2 without agreement': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a version of the future': 'GET /livez HTTP/1.9\r\nhost: x\r\n\r\n',
};

describe('bytes that two servers would read differently', () => {
  for (const [name, bytes] of Object.entries(CASES)) {
    it(`get one refusal and no second request: ${name}`, async () => {
      const client = new RawClient(server.port);
      client.socket.write(bytes, 'latin1');
      // Whatever the gateway would take for one more request now gets an answer too.
      client.socket.end();
      await client.closed;
      const answers = client.received.match(/HTTP\/1\.1 \d{3} /g) ?? [];
      assert.deepEqual(answers.length === 0 ? ['HTTP/1.1 400 '] : answers, ['HTTP/1.1 400 '], name);
      if (answers.length === 0) return;
      const body: unknown = JSON.parse(client.received.split('\r\n\r\n')[1] ?? '');
      assert.equal(ErrorSchema.parse(body).error.code, 'invalid_request');
      assert.doesNotMatch(client.received, /hidden/);
    });
  }

  it('start nothing', async () => {
    assert.equal(server.runs.submitted.length, 0);
    const response = await post(server, CHAT);
    assert.equal(response.status, 200);
    await response.text();
  });
});

describe('what a request says of itself', () => {
  it('is never put into a header of the answer, unless it is a plain word', async () => {
    const word = 'CANARY';
    for (const path of ['/v1/models', '/livez', `/v1/${word}`, `/v1/%0d%0ax-${word}:%20y`]) {
      const client = new RawClient(server.port);
      client.socket.write(
        `GET ${path} HTTP/1.1\r\nhost: ${word}\r\norigin: http://${word}\r\n` +
          `x-request-id: ${word} ${word}\r\nuser-agent: ${word}\r\nreferer: ${word}\r\n` +
          `x-forwarded-for: ${word}\r\nforwarded: for=${word}\r\ncookie: ${word}\r\n` +
          `idempotency-key: ${word}\r\nconnection: close\r\n\r\n`,
      );
      await client.closed;
      const [head = ''] = client.received.split('\r\n\r\n');
      assert.match(head, /^HTTP\/1\.1 \d{3}/);
      assert.doesNotMatch(head, /CANARY/, path);
    }
  });
});
