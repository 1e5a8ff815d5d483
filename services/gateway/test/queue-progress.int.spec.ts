/** What a stream says while its run waits. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { StreamEventSchema } from '../src/responses/standard-schema.ts';
import { COMPLETED, STARTED, text } from './fake-runs.ts';
import { CHAT, RawClient, startGateway } from './harness.ts';
import { ASK, call, eventsOf } from './responses-calls.ts';

it('tells a chat in comments where it stands, which are no part of its numbered answer', async () => {
  await using server = await startGateway({ statusHoldMs: 1 });
  server.fleet.place = { ahead: 2, etaMs: 1_200 };
  const client = new RawClient(server.port);
  client.chat({ ...CHAT, stream: true }, 'idempotency-key: k\r\n');
  await client.until(/: queued position=3 eta_ms=1200\n\n/);
  server.fleet.place = { ahead: 0, etaMs: undefined };
  await client.until(/: queued position=1\n\n/);
  const [run] = server.runs.submitted;
  run?.emit(STARTED, text('Hi'), COMPLETED);
  await client.until(/\[DONE\]/);
  assert.match(client.received, /position=1\n\n[^]*id: \w+:1\ndata:/);
  client.socket.destroy();
});

it('says nothing of a place that nobody knows, and nothing when the run has begun', async () => {
  await using server = await startGateway({ statusHoldMs: 1, heartbeatIntervalMs: 500 });
  const client = new RawClient(server.port);
  client.chat({ ...CHAT, stream: true });
  await client.until(/: queued\n\n/);
  const [run] = server.runs.submitted;
  run?.emit(STARTED);
  server.fleet.place = { ahead: 2, etaMs: 1_200 };
  // Longer than it would take to be told.
  await client.until(/(: heartbeat[^]*){8}/);
  run?.emit(text('Hi'), COMPLETED);
  await client.until(/\[DONE\]/);
  assert.doesNotMatch(client.received, /position/);
  client.socket.destroy();
});

it('repeats `response.queued` with its number and the place, and a replay knows nothing of it', async () => {
  await using server = await startGateway();
  server.fleet.place = { ahead: 4, etaMs: 900 };
  const client = new RawClient(server.port);
  client.request('/v1/responses', { ...ASK, stream: true });
  await client.until(/"switchboard"/);
  const [run] = server.runs.submitted;
  run?.emit(STARTED, text('Hi'), COMPLETED);
  await client.until(/\[DONE\]/);
  client.socket.destroy();
  const events = eventsOf(client.received.replaceAll(/\r\n[0-9a-f]+\r\n/g, ''));
  const [, queued, again, next] = events.map((event) => StreamEventSchema.parse(event));
  assert.deepEqual(again, { ...queued, switchboard: { ahead: 4, eta_ms: 900 } });
  assert.equal(next?.sequence_number, 2);
  const replay = await call(server, 'GET', `/resp_${run?.run}?stream=true`);
  const replayed = eventsOf(await replay.text());
  assert.deepEqual(
    replayed.map(({ sequence_number: number }) => number),
    replayed.map((_, index) => index),
  );
  assert.equal(replayed.length, events.length - 1);
});

it('tells a reader who has `response.queued` already in a comment', async () => {
  await using server = await startGateway();
  server.fleet.place = { ahead: 4, etaMs: 900 };
  const made = await call(server, 'POST', '', { body: { ...ASK, background: true } });
  const { id } = (await made.json()) as { id: string };
  const client = new RawClient(server.port);
  client.get(`/v1/responses/${id}?stream=true&starting_after=1`);
  await client.until(/: queued position=5 eta_ms=900/);
  assert.doesNotMatch(client.received, /data:/);
  client.socket.destroy();
});
