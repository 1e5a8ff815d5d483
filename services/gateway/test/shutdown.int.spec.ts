import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ErrorSchema } from '../src/docs/answer-schemas.ts';
import { COMPLETED, STARTED, text } from './fake-runs.ts';
import { CHAT, RawClient, post, startGateway } from './harness.ts';
import type { TestGateway } from './harness.ts';

let server: TestGateway;

beforeEach(async () => {
  server = await startGateway();
});
afterEach(() => server[Symbol.asyncDispose]());

async function chat(stream: boolean) {
  const submitted = server.runs.next();
  const client = new RawClient(server.port);
  client.chat({ ...CHAT, stream });
  return { client, run: await submitted };
}

describe('readiness', () => {
  it('follows the queue; liveness does not', async () => {
    assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
    server.queueReady = false;
    const response = await fetch(`${server.url}/readyz`);
    assert.equal(response.status, 503);
    assert.deepEqual(await response.json(), {
      status: 'not_ready',
      checks: { nats: false, accepting: true },
    });
    assert.equal((await fetch(`${server.url}/livez`)).status, 200);
  });
});

describe('a shutdown', () => {
  it('refuses new chats with 503, closing the connection, and is alive but not ready', async () => {
    server.gateway.stopIntake();
    const response = await post(server, CHAT);
    assert.equal(response.status, 503);
    assert.equal(response.headers.get('connection'), 'close');
    assert.equal(response.headers.get('x-should-retry'), 'true');
    assert.equal(ErrorSchema.parse(await response.json()).error.code, 'shutting_down');
    assert.equal(server.runs.submitted.length, 0);
    const ready = await fetch(`${server.url}/readyz`);
    assert.deepEqual([ready.status, ready.headers.get('connection')], [503, 'close']);
    assert.equal((await fetch(`${server.url}/livez`)).status, 200);
  });

  it('lets open answers finish', async () => {
    const streaming = await chat(true);
    const waiting = await chat(false);
    server.gateway.stopIntake();
    const drained = server.gateway.drained();
    for (const { run } of [streaming, waiting]) run.emit(STARTED, text('Bye'), COMPLETED);
    await streaming.client.until(/\[DONE\]/);
    await waiting.client.until(/"Bye"/);
    await drained;
    for (const { run, client } of [streaming, waiting]) {
      assert.deepEqual(run.cancels, []);
      client.socket.destroy();
    }
  });

  it('ends what is left at the deadline with an error, not taken for clients that left', async () => {
    const streaming = await chat(true);
    streaming.run.emit(STARTED, text('Hi'));
    await streaming.client.until(/Hi/);
    const waiting = await chat(false);
    waiting.run.emit(STARTED);
    const queued = await chat(true);
    server.gateway.stopIntake();
    server.gateway.abort();
    await server.gateway.drained();
    await streaming.client.until(/data: \{"error":\{.*"shutting_down"\}\}\n\n/);
    await waiting.client.until(/^HTTP\/1\.1 503 /);
    await queued.client.until(/^HTTP\/1\.1 503 /);
    assert.doesNotMatch(streaming.client.received, /DONE/);
    assert.match(queued.client.received, /x-should-retry: true/);
    for (const { run, client } of [streaming, waiting, queued]) {
      assert.deepEqual(run.cancels, ['shutdown']);
      client.socket.destroy();
    }
  });

  it('allows no retry of a run that had started, whatever has been sent of it', async () => {
    await using patient = await startGateway({ startedHoldMs: 60_000 });
    const answers = [];
    for (const stream of [true, false]) {
      const submitted = patient.runs.next();
      answers.push(post(patient, { ...CHAT, stream }));
      (await submitted).emit(STARTED);
    }
    // An answer to a later request: the events before it have been read by then.
    await fetch(`${patient.url}/livez`);
    patient.gateway.stopIntake();
    patient.gateway.abort();
    for (const response of await Promise.all(answers)) {
      assert.equal(response.status, 503);
      assert.equal(response.headers.get('x-should-retry'), 'false');
    }
  });

  it('cancels what nobody could find again, and says where a retry would run a second time', async () => {
    const key = { 'idempotency-key': 'k' };
    const policy = (name: string) => ({ 'x-switchboard-on-disconnect': name });
    for (const [path, body, headers, cancels, retry] of [
      ['chat/completions', CHAT, {}, ['shutdown'], 'true'],
      ['chat/completions', CHAT, policy('continue'), [], 'false'],
      ['chat/completions', CHAT, key, [], 'true'],
      ['responses', { model: 'assistant', input: 'Hello' }, {}, ['shutdown'], 'true'],
      ['responses', { model: 'assistant', input: 'Hello' }, policy('resume'), [], 'false'],
      ['responses', { model: 'assistant', input: 'Hello' }, key, [], 'true'],
    ] as const) {
      await using one = await startGateway();
      const submitted = one.runs.next();
      const answer = fetch(`${one.url}/v1/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });
      const run = await submitted;
      // It is queued: with a key, that is written down first.
      await fetch(`${one.url}/livez`);
      one.gateway.stopIntake();
      one.gateway.abort();
      const response = await answer;
      assert.deepEqual(
        [response.status, response.headers.get('x-should-retry'), run.cancels],
        [503, retry, cancels],
        `${path} ${JSON.stringify(headers)}`,
      );
    }
  });

  it('ends although a client never finishes its request', async () => {
    const client = new RawClient(server.port);
    client.socket.write('POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n');
    await fetch(`${server.url}/livez`);
    server.gateway.stopIntake();
    await server.gateway.close();
    await client.closed;
  });
});
