import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { until } from '@switchboard/testkit';
import { PoolViewSchema } from '../src/pool-view/pool-schema.ts';
import type { Viewer } from '../src/pool-view/views.ts';
import { RawClient, startGateway } from './harness.ts';
import type { TestGateway } from './harness.ts';

let server: TestGateway;

beforeEach(async () => {
  server = await startGateway({ heartbeatIntervalMs: 50 });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const CALLER: Viewer = { scopes: new Set(), account: 'caller', maxOutstanding: undefined };
const STREAM = { accept: 'text/event-stream' };

/** The states of a stream, as they come. */
async function* statesOf(response: Response): AsyncGenerator<Record<string, unknown>> {
  assert.ok(response.body !== null);
  let text = '';
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    text += part;
    const frames = text.split('\n\n');
    text = frames.pop() ?? '';
    for (const frame of frames.filter((each) => each.startsWith('data: '))) {
      yield JSON.parse(frame.slice('data: '.length)) as Record<string, unknown>;
    }
  }
}

const watchPool = async (signal?: AbortSignal) =>
  await fetch(`${server.url}/v1/pool`, {
    headers: STREAM,
    ...(signal === undefined ? {} : { signal }),
  });

describe('GET /v1/pool', () => {
  it('answers with fresh figures, with everything as long as no keys are checked', async () => {
    const response = await fetch(`${server.url}/v1/pool`);
    assert.equal(response.status, 200);
    const view = PoolViewSchema.parse(await response.json());
    assert.equal(view.view, 'admin');
    assert.equal(server.fleet.refreshed, 1);
  });

  it('shows a caller without the admin scope nothing but his own', async () => {
    server.viewer = CALLER;
    const text = await (await fetch(`${server.url}/v1/pool`)).text();
    assert.equal(PoolViewSchema.parse(JSON.parse(text)).view, 'own');
    assert.equal(text.includes('secret-host'), false);
  });

  it('streams the whole state first, and again whenever it is another', async () => {
    const aborting = new AbortController();
    const response = await watchPool(aborting.signal);
    assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
    const states = statesOf(response);
    const read = async () => {
      const { value } = await states.next();
      return PoolViewSchema.parse(value).pools[0]?.busy;
    };
    assert.equal(await read(), 10);
    server.fleet.change({ busy: 9 });
    assert.equal(await read(), 9);
    // The same again is nothing new; the next that comes is the next change.
    server.fleet.change({ busy: 9 });
    server.fleet.change({ busy: 8 });
    assert.equal(await read(), 8);
    aborting.abort();
    await until(() => server.fleet.watchers === 0, { what: 'the end of the watch' });
    await until(() => server.gateway.open === 0, { what: 'the end of the exchange' });
  });

  it('keeps a silent stream alive with comments', async () => {
    const client = new RawClient(server.port);
    client.socket.write('GET /v1/pool HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n');
    await client.until(/data: .*[^]*: heartbeat[^]*: heartbeat/);
    client.socket.destroy();
  });

  it('keeps nothing for a reader who takes nothing but the newest state', async () => {
    const client = new RawClient(server.port);
    client.socket.pause();
    client.socket.write('GET /v1/pool HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n');
    await until(() => server.fleet.watchers === 1, { what: 'the watch' });
    const [worker] = server.fleet.facts.workers;
    assert.ok(worker !== undefined);
    // More than a socket's buffers take: the first of these blocks the stream.
    const many = Array.from({ length: 100_000 }, () => worker);
    const beganAtMs = performance.now();
    for (let busy = 0; performance.now() - beganAtMs < 1_500; busy = (busy + 1) % 10) {
      server.fleet.change({ busy, workers: many });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    server.fleet.change({ busy: 77, workers: [] });
    client.socket.resume();
    await client.until(/"busy":77/);
    // The first, the one that blocked, and the last.
    assert.equal(client.received.split('data: ').length - 1, 3);
    client.socket.destroy();
  });

  it('ends its streams when the gateway stops taking requests, and does not hold up the drain', async () => {
    const states = statesOf(await watchPool());
    await states.next();
    server.gateway.stopIntake();
    assert.equal((await states.next()).done, true);
    await server.gateway.drained();
    assert.equal((await watchPool()).status, 503);
  });

  it('has a bound on the streams of one account, and room again when one ends', async () => {
    const aborts = Array.from({ length: 32 }, () => new AbortController());
    await Promise.all(aborts.map(async ({ signal }) => await watchPool(signal)));
    const refused = await watchPool();
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers.get('retry-after')) >= 1);
    aborts[0]?.abort();
    await until(() => server.fleet.watchers === 31, { what: 'the end of one stream' });
    assert.equal((await fetch(`${server.url}/v1/pool`)).status, 200);
    const again = new AbortController();
    assert.equal((await watchPool(again.signal)).status, 200);
    for (const each of [...aborts, again]) each.abort();
    await until(() => server.fleet.watchers === 0, { what: 'the end of all streams' });
  });
});
