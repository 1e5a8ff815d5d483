import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { events, simulated, until } from './client.ts';

const REQUEST = { 'x-request-id': 'r' };

describe('an error status', () => {
  for (const status of [400, 401, 429, 500, 503]) {
    it(`${status} comes in OpenAI's shape, streamed or not`, async (context) => {
      const client = await simulated(context);
      for (const stream of [true, false]) {
        const reply = await client.chat({ model: `error=${status}`, stream }).reply;
        assert.equal(reply.status, status);
        const { error }: { error: object } = JSON.parse(reply.body);
        assert.deepEqual(Object.keys(error), ['message', 'type', 'param', 'code']);
      }
      const { faulted, running } = await client.stats();
      assert.deepEqual([faulted, running], [2, 0]);
    });
  }

  it('tells when to come back, in whole seconds and exactly', async (context) => {
    const client = await simulated(context);
    const { headers } = await client.chat({ model: 'error=429,retry_after=1.5' }).reply;
    assert.equal(headers['retry-after'], '2');
    assert.equal(headers['retry-after-ms'], '1500');
  });

  it('strikes only the first requests with the same id', async (context) => {
    const client = await simulated(context);
    const model = 'error=429,times=2,tokens=1';
    const statuses = [];
    for (const id of ['a', 'a', 'a', 'b']) {
      const { status } = await client.chat({ model, headers: { 'x-request-id': id } }).reply;
      statuses.push(status);
    }
    assert.deepEqual(statuses, [429, 429, 200, 429]);
    const outcomes = (await client.runs('a')).map((run) => [run.attempt, run.outcome]);
    assert.deepEqual(outcomes, [
      [1, 'faulted'],
      [2, 'faulted'],
      [3, 'finished'],
    ]);
    assert.equal((await client.chat({ model }).reply).status, 400);
  });

  it('status_html is a 502 that is no JSON', async (context) => {
    const client = await simulated(context);
    const { status, headers, body } = await client.chat({ model: 'status_html=1' }).reply;
    assert.equal(status, 502);
    assert.equal(headers['content-type'], 'text/html');
    assert.match(body, /^<!doctype html>/);
  });
});

describe('a stream', () => {
  it('that is cut loses its socket after the tokens, without an end', async (context) => {
    const client = await simulated(context);
    for (const [tokens, received] of [
      [0, 0],
      [2, 1 + 2],
    ]) {
      const model = `tokens=5,cut=${tokens}`;
      const { status, body, broken } = await client.chat({ model, stream: true }).reply;
      assert.deepEqual([status, broken], [200, true]);
      assert.equal(events(body).length, received);
    }
    assert.equal((await client.stats()).faulted, 2);
  });

  it('that stalls keeps its socket and sends nothing more', async (context) => {
    const client = await simulated(context);
    const call = client.chat({ model: 'tokens=5,stall=2', stream: true, headers: REQUEST });
    await until(() => events(call.received()).length === 1 + 2);
    const [run] = await client.runs('r');
    assert.deepEqual([run?.outcome, run?.tokens], ['running', 2]);
    call.leave();
    assert.equal((await client.ended('r')).outcome, 'aborted');
  });

  it('that stalls at 0 sends its headers and no token', async (context) => {
    const client = await simulated(context);
    const call = client.chat({ model: 'stall=0', stream: true, headers: REQUEST });
    assert.equal((await call.headers).statusCode, 200);
    call.leave();
    const run = await client.ended('r');
    assert.deepEqual([run.outcome, run.tokens, run.firstTokenAtMs], ['aborted', 0, null]);
    assert.equal(call.received(), '');
  });

  it('that is malformed has a chunk of broken JSON', async (context) => {
    const client = await simulated(context);
    const { body, broken } = await client.chat({ model: 'malformed=2', stream: true }).reply;
    assert.equal(broken, false);
    const all = events(body);
    assert.equal(all.length, 1 + 2 + 1);
    assert.throws(() => JSON.parse(all.at(-1) ?? ''), SyntaxError);
  });

  it('with an error_chunk ends with an error object', async (context) => {
    const client = await simulated(context);
    const { body } = await client.chat({ model: 'error_chunk=1', stream: true }).reply;
    const all = events(body);
    assert.equal(all.length, 1 + 1 + 1);
    const last: object = JSON.parse(all.at(-1) ?? '');
    assert.ok('error' in last);
  });

  it('has its fault in place of the end when that comes first', async (context) => {
    const client = await simulated(context);
    const { body, broken } = await client.chat({ model: 'tokens=2,cut=9', stream: true }).reply;
    assert.deepEqual([events(body).length, broken], [1 + 2, true]);
  });
});

describe('an answer that is not streamed', () => {
  it('breaks off in the middle of its JSON when it is cut', async (context) => {
    const client = await simulated(context);
    const { body, broken } = await client.chat({ model: 'cut=1' }).reply;
    assert.equal(broken, true);
    assert.throws(() => JSON.parse(body), SyntaxError);
  });

  it('stalls in the middle of its JSON', async (context) => {
    const client = await simulated(context);
    const call = client.chat({ model: 'stall=1', headers: REQUEST });
    await until(() => call.received() !== '');
    call.leave();
    assert.equal((await client.ended('r')).outcome, 'aborted');
  });

  it('is whole but no JSON when it is malformed', async (context) => {
    const client = await simulated(context);
    const { status, body, broken } = await client.chat({ model: 'malformed=1' }).reply;
    assert.deepEqual([status, broken], [200, false]);
    assert.throws(() => JSON.parse(body), SyntaxError);
  });

  it('is an error with status 200 for an error_chunk', async (context) => {
    const client = await simulated(context);
    const { status, body } = await client.chat({ model: 'error_chunk=1' }).reply;
    assert.equal(status, 200);
    const answer: object = JSON.parse(body);
    assert.ok('error' in answer);
  });
});

describe('a hang', () => {
  it('never answers and is over when the caller leaves', async (context) => {
    const client = await simulated(context);
    const call = client.chat({ model: 'hang=1', headers: REQUEST });
    await until(async () => (await client.stats()).running === 1);
    call.leave();
    const run = await client.ended('r');
    assert.deepEqual([run.outcome, run.tokens], ['aborted', 0]);
    await assert.rejects(call.headers);
  });
});
