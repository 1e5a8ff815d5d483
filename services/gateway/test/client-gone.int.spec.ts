import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { COMPLETED, STARTED, text } from './fake-runs.ts';
import { CHAT, RawClient, post, startGateway } from './harness.ts';
import type { TestGateway } from './harness.ts';

let server: TestGateway;

beforeEach(async () => {
  server = await startGateway({ statusHoldMs: 0 });
});
afterEach(() => server[Symbol.asyncDispose]());

/** A client whose run has been accepted. */
async function accepted(stream: boolean) {
  const submitted = server.runs.next();
  const client = new RawClient(server.port);
  client.chat({ ...CHAT, stream });
  return { client, run: await submitted, ended: server.requestLine() };
}

for (const stream of [true, false]) {
  describe(`a client that leaves, ${stream ? 'streaming' : 'not streaming'}`, () => {
    it('while its request is still being stored: the submit is aborted', async () => {
      server.runs.stuck = Promise.withResolvers<AbortSignal>();
      const ended = server.requestLine();
      const client = new RawClient(server.port);
      client.chat({ ...CHAT, stream });
      const signal = await server.runs.stuck.promise;
      assert.equal(signal.aborted, false);
      client.socket.destroy();
      const { status, outcome } = await ended;
      assert.equal(signal.aborted, true);
      assert.deepEqual([status, outcome], [499, 'client_gone']);
    });

    it('while it waits in the queue: the run is cancelled', async () => {
      const { client, run, ended } = await accepted(stream);
      client.socket.destroy();
      assert.equal(await run.cancelled.promise, 'client_gone');
      const { status, outcome, run: logged } = await ended;
      assert.deepEqual([status, outcome, logged], [499, 'client_gone', run.run]);
    });

    it('by closing only its side of the connection: the run is cancelled', async () => {
      const { client, run } = await accepted(stream);
      client.socket.end();
      assert.equal(await run.cancelled.promise, 'client_gone');
    });

    it('before the first token: the run is cancelled', async () => {
      const { client, run } = await accepted(stream);
      run.emit(STARTED);
      client.socket.destroy();
      assert.equal(await run.cancelled.promise, 'client_gone');
    });

    it('in the middle of the answer: the run is cancelled, once', async () => {
      const { client, run, ended } = await accepted(stream);
      run.emit(STARTED, text('one'));
      if (stream) await client.until(/one/);
      client.socket.destroy();
      assert.equal(await run.cancelled.promise, 'client_gone');
      run.emit(text('two'), { type: 'cancelled', reason: 'client_gone' });
      const { status, outcome } = await ended;
      assert.deepEqual([status, outcome], [499, 'client_gone']);
      await server.gateway.drained();
      assert.deepEqual(run.cancels, ['client_gone']);
    });

    it('after the answer: nothing is cancelled', async () => {
      const { client, run, ended } = await accepted(stream);
      run.emit(STARTED, text('one'), COMPLETED);
      await client.until(stream ? /\[DONE\]/ : /"one"/);
      const { status, outcome } = await ended;
      assert.deepEqual([status, outcome], [200, 'ok']);
      client.socket.destroy();
      await client.closed;
      assert.deepEqual(run.cancels, []);
    });
  });
}

describe('a client that leaves', () => {
  it('just before its request is accepted all the same: the run is cancelled', async () => {
    const accept = Promise.withResolvers<void>();
    server.runs.acceptLater = accept.promise;
    const submitted = server.runs.next();
    const ended = server.requestLine();
    const client = new RawClient(server.port);
    client.chat(CHAT);
    // An answer to a later connection: the first request has been read by then.
    await fetch(`${server.url}/v1/models`);
    client.socket.destroy();
    assert.equal((await ended)['route'], '/v1/models');
    assert.equal((await server.requestLine())['outcome'], 'client_gone');
    accept.resolve();
    assert.equal(await (await submitted).cancelled.promise, 'client_gone');
  });

  it('with pipelined requests behind it: all their runs are cancelled', async () => {
    const first = await accepted(true);
    const next = server.runs.next();
    first.client.chat({ ...CHAT, stream: false });
    const second = await next;
    first.client.socket.destroy();
    assert.equal(await first.run.cancelled.promise, 'client_gone');
    assert.equal(await second.cancelled.promise, 'client_gone');
  });

  it('through the abort of fetch: the run is cancelled', async () => {
    const submitted = server.runs.next();
    const controller = new AbortController();
    const request = post(server, CHAT, {}, controller.signal);
    const run = await submitted;
    controller.abort();
    await assert.rejects(request);
    assert.equal(await run.cancelled.promise, 'client_gone');
  });

  it('leaves nothing open in the gateway', async () => {
    const all = await Promise.all([accepted(true), accepted(false), accepted(true)]);
    assert.equal(server.gateway.open, 3);
    for (const { client } of all) client.socket.destroy();
    await server.gateway.drained();
    assert.equal(server.gateway.open, 0);
  });
});

describe('a client that takes nothing', () => {
  it('stops the reading of events, and is dropped without being taken for one that left', async () => {
    await using slow = await startGateway({ slowReaderMs: 300 });
    const submitted = slow.runs.next();
    const ended = slow.requestLine();
    const client = new RawClient(slow.port);
    client.chat({ ...CHAT, stream: true });
    const run = await submitted;
    run.emit(STARTED, text('first'));
    await client.until(/first/);
    client.socket.pause();
    const piece = text('x'.repeat(16_384));
    const count = 4_000;
    for (let index = 0; index < count; index += 1) run.emit(piece);
    const { outcome, status } = await ended;
    assert.deepEqual([outcome, status], ['slow_reader', 200]);
    assert.equal(await run.cancelled.promise, 'deadline');
    assert.ok(run.taken < count, `${run.taken} of ${count} events were read`);
  });

  it('is not dropped while it takes a little now and then', async () => {
    await using slow = await startGateway({ slowReaderMs: 400 });
    const submitted = slow.runs.next();
    const client = new RawClient(slow.port);
    client.chat({ ...CHAT, stream: true });
    const run = await submitted;
    run.emit(STARTED);
    for (let index = 0; index < 1_000; index += 1) run.emit(text('x'.repeat(16_384)));
    run.emit(COMPLETED);
    // Takes in steps, for longer than the limit in all.
    const began = Date.now();
    client.socket.pause();
    const step = setInterval(() => {
      client.socket.resume();
      if (Date.now() - began < 1_200) setImmediate(() => client.socket.pause());
    }, 50);
    await client.until(/\[DONE\]/);
    clearInterval(step);
    assert.deepEqual(run.cancels, []);
    client.socket.destroy();
  });
});
