/**
 * Gateways that are killed, or that must go before their streams have ended, and callers who come
 * back to another one. A gateway counts as lost after 12 s, so everything about one kill is watched
 * at once.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';

import type { Gateway } from '@switchboard/stack';
import { leakGuard, until } from '@switchboard/testkit';

import { ask, chat, chatBody } from '../chat.ts';
import { keyedChat, readChat } from '../keyed-chat.ts';
import type { ReadChat } from '../keyed-chat.ts';
import { ReadResponse } from '../read-response.ts';
import { gatewayReady, PATIENCE_MS, TestStack } from '../test-stack.ts';

const WINDOW_MS = 1_000;
/** Within this and the window a run must stop that nobody reads any more: a promise. */
const STOP_MAX_MS = 15_000;
const POOLS = ['wide', 'narrow'] as const;
const ENDLESS = 'wide/tokens=4000,pace=50ms';
/** Seconds longer than a run may go on whose gateway is lost. */
const LONG_TOKENS = 320;
const LONG = `wide/tokens=${LONG_TOKENS},pace=50ms`;
const SHORT = 'wide/tokens=60,pace=50ms';

let stack: TestStack;
let survivor: Gateway;
let longText = '';
let shortText = '';

before(async () => {
  stack = await TestStack.start({
    workers: 0,
    agents: POOLS.map((pool) => ({ name: `${pool}/*`, model: '*', pool })),
    gatewayEnv: { RESUME_WINDOW_MS: String(WINDOW_MS) },
  });
  const [gateway] = stack.stack.gateways;
  assert.ok(gateway !== undefined);
  survivor = gateway;
  await stack.stack.addWorker({ WORKER_POOL: 'wide', POOL_SIZE: '20' });
  await stack.stack.addWorker({ WORKER_POOL: 'narrow', POOL_SIZE: '1' });
  longText = (await ask(survivor.url, chatBody(`wide/tokens=${LONG_TOKENS}`))).text;
  shortText = (await ask(survivor.url, chatBody('wide/tokens=60'))).text;
});
after(async () => await stack.stop());

async function newGateway(env: NodeJS.ProcessEnv = {}): Promise<Gateway> {
  const gateway = await stack.stack.addGateway(env);
  await gatewayReady(gateway.url);
  return gateway;
}

/** Resolves when what was awaited has ended, however it did. */
async function settled(promise: Promise<unknown>): Promise<void> {
  await Promise.allSettled([promise]);
}

/** The only call for a request, once it has ended. */
async function endedRun(requestId: string) {
  const over = async () => {
    const [run, ...others] = await stack.simulator.runsOf(requestId);
    assert.equal(others.length, 0, `${requestId} has run more than once`);
    return run !== undefined && run.endedAtMs !== null && run;
  };
  return await until(over, { what: `the end of ${requestId}`, timeoutMs: 45_000, intervalMs: 50 });
}

describe('a gateway that is killed', { concurrency: true }, () => {
  const keyed = { key: 'resumed', requestId: 'resumed' };
  const keyedBody = chatBody(LONG, { stream: true });
  let killedAtMs = 0;
  let queuedBehind: Promise<unknown>;
  let keyedBefore: ReadChat;
  let background: ReadResponse;
  let continued: ReadResponse;
  let adopted: ReadResponse;

  before(async () => {
    const victim = await newGateway();
    const lost: Promise<unknown>[] = [];
    const foreground = async (model: string, requestId: string, stream = true): Promise<void> => {
      lost.push(settled(ask(victim.url, chatBody(model, { stream }), { requestId })));
      if (!requestId.startsWith('queued')) await stack.modelHas(requestId);
    };
    await foreground(ENDLESS, 'foreground');
    await foreground('wide/think=120s', 'thinking', false);
    await foreground('narrow/tokens=4000,pace=50ms', 'holding');
    await foreground('narrow/tokens=2', 'queued-1');
    await foreground('narrow/tokens=2', 'queued-2', false);
    const requests = async () => (await stack.streams.requests('narrow')) === 3;
    await until(requests, { what: 'a queue', timeoutMs: PATIENCE_MS });
    const kept = { key: 'abandoned', requestId: 'abandoned' };
    lost.push(settled(keyedChat(victim.url, chatBody(ENDLESS, { stream: true }), kept)));
    background = await ReadResponse.open(victim.url, { model: LONG, background: true });
    continued = await ReadResponse.open(victim.url, { model: LONG }, 'continue');
    adopted = await ReadResponse.open(victim.url, { model: LONG });
    for (const each of [background, continued, adopted]) await each.read(4);
    continued.leave();
    keyedBefore = await keyedChat(victim.url, keyedBody, keyed, 4);
    await stack.modelHas('abandoned');

    victim.process.kill('SIGKILL');
    await victim.process.exited;
    killedAtMs = performance.timeOrigin + performance.now();
    for (const each of [background, adopted]) each.leave();
    await Promise.all(lost);
    queuedBehind = ask(survivor.url, chatBody('narrow/tokens=2'), { requestId: 'behind' });
  });

  for (const requestId of ['foreground', 'thinking', 'holding', 'abandoned']) {
    it(`leaves no run for nobody: ${requestId} stops in time`, async () => {
      const { endedAtMs, outcome } = await endedRun(requestId);
      assert.equal(outcome, 'aborted');
      const wentOnMs = (endedAtMs ?? Infinity) - killedAtMs;
      assert.ok(wentOnMs <= WINDOW_MS + STOP_MAX_MS, `it went on for ${wentOnMs} ms`);
    });
  }

  it('has its queued requests dropped, and those behind them run', async () => {
    await queuedBehind;
    await endedRun('behind');
    for (const id of ['queued-1', 'queued-2']) {
      assert.deepEqual(await stack.simulator.runsOf(id), []);
    }
  });

  it('takes no background response along: another gateway has all of it', async () => {
    const rest = await background.resume(survivor.url);
    assert.deepEqual([rest.last, rest.text], ['response.completed', longText]);
    assert.equal(await rest.status(survivor.url), 'completed');
  });

  it('takes no response along that was to continue', async () => {
    await until(async () => (await continued.status(survivor.url)) === 'completed', {
      what: 'its end',
      timeoutMs: PATIENCE_MS,
      intervalMs: 100,
    });
    const rest = await continued.resume(survivor.url);
    assert.deepEqual([rest.last, rest.text], ['response.completed', longText]);
  });

  it('has its streams with a key resumed at another one, to their whole end', async () => {
    const last = keyedBefore.ids.at(-1);
    const rest = await keyedChat(survivor.url, keyedBody, { ...keyed, after: last });
    assert.deepEqual([rest.error, rest.done], [undefined, true]);
    assert.equal(keyedBefore.text + rest.text, longText);
    assert.equal((await endedRun('resumed')).outcome, 'finished');
  });

  it('has a foreground response resumed at another one, to its whole end', async () => {
    const rest = await adopted.resume(survivor.url);
    assert.deepEqual([rest.last, rest.text], ['response.completed', longText]);
  });
});

describe('a gateway that gets SIGTERM and little time to drain', { concurrency: true }, () => {
  it('ends its streams so that they go on at another gateway, and takes nothing new', async () => {
    const gateway = await newGateway({ DRAIN_TIMEOUT_MS: '1000' });
    const requestId = 'drained';
    const keyed = { key: 'drained', requestId };
    const body = chatBody(SHORT, { stream: true });
    const reading = keyedChat(gateway.url, body, keyed);
    const response = await ReadResponse.open(gateway.url, { model: SHORT });
    const whole = ask(gateway.url, chatBody(SHORT), { requestId: 'whole' });
    await Promise.all([stack.modelHas(requestId), stack.modelHas('whole'), response.read(4)]);
    gateway.process.kill('SIGTERM');
    await until(async () => !(await fetch(`${gateway.url}/readyz`)).ok, { what: 'the drain' });
    for (const stream of [false, true]) {
      const refused = await ask(gateway.url, chatBody('wide/tokens=1', { stream }));
      assert.deepEqual([refused.status, refused.error?.code], [503, 'shutting_down']);
      assert.equal(refused.headers.get('connection'), 'close');
      const also = await fetch(`${gateway.url}/v1/responses`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: SHORT, input: 'Hello', stream }),
      });
      assert.deepEqual([also.status, also.headers.get('connection')], [503, 'close']);
      await also.text();
    }
    await response.read();
    assert.deepEqual([response.last, response.error], ['error', 'shutting_down']);
    const cut = await reading;
    assert.deepEqual([cut.error, cut.done], ['shutting_down', false]);
    const answer = await whole;
    assert.deepEqual([answer.status, answer.error?.code], [503, 'shutting_down']);

    const rest = await response.resume(survivor.url);
    assert.deepEqual([rest.last, rest.text], ['response.completed', shortText]);
    const last = cut.ids.at(-1);
    const chatRest = await keyedChat(survivor.url, body, { ...keyed, after: last });
    assert.deepEqual([chatRest.done, cut.text + chatRest.text], [true, shortText]);
    assert.equal((await endedRun(requestId)).outcome, 'finished');
    assert.equal((await endedRun('whole')).outcome, 'aborted');
    assert.deepEqual(await gateway.process.exited, { code: 0, signal: null });
  });

  it('is no caller who left: its resume window does not begin', async () => {
    const gateway = await newGateway({ DRAIN_TIMEOUT_MS: '500', RESUME_WINDOW_MS: '100' });
    // A request that never comes whole keeps the gateway busy after its drain.
    const socket = connect(gateway.port, '127.0.0.1');
    await once(socket, 'connect');
    const gone = once(socket, 'close');
    socket.on('error', () => undefined).resume();
    socket.write('POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{');
    const keyed = { key: 'patient', requestId: 'patient' };
    const body = chatBody(SHORT, { stream: true });
    const reading = keyedChat(gateway.url, body, keyed);
    await stack.modelHas('patient');
    gateway.process.kill('SIGTERM');
    const cut = await reading;
    assert.equal(cut.error, 'shutting_down');
    assert.deepEqual(await gateway.process.exited, { code: 0, signal: null });
    await gone;
    const last = cut.ids.at(-1);
    const rest = await keyedChat(survivor.url, body, { ...keyed, after: last });
    assert.deepEqual([rest.done, cut.text + rest.text], [true, shortText]);
    assert.equal((await endedRun('patient')).outcome, 'finished');
  });

  it('is no caller who left, also when its reader had come from another gateway', async () => {
    const gateway = await newGateway({ DRAIN_TIMEOUT_MS: '1' });
    const keyed = { key: 'joined', requestId: 'joined' };
    const body = chatBody('wide/tokens=120,pace=50ms', { stream: true });
    const start = await keyedChat(survivor.url, body, keyed, 4);
    const headers = { 'idempotency-key': 'joined', 'last-event-id': start.ids.at(-1) ?? '' };
    const joined = await chat(gateway.url, body, { headers });
    gateway.process.kill('SIGTERM');
    const cut = await readChat(joined);
    assert.equal(cut.error, 'shutting_down');
    assert.deepEqual(await gateway.process.exited, { code: 0, signal: null });
    // For longer than the window nobody reads it.
    const goesOn = async () => {
      const [run] = await stack.simulator.runsOf('joined');
      assert.equal(run?.outcome, 'running');
      return run.tokens >= cut.ids.length + start.ids.length + (2 * WINDOW_MS) / 50;
    };
    await until(goesOn, { what: 'more tokens', timeoutMs: PATIENCE_MS });
    const rest = await keyedChat(survivor.url, body, { ...keyed, after: cut.ids.at(-1) });
    assert.equal(rest.done, true);
    assert.equal((await endedRun('joined')).outcome, 'finished');
  });
});

leakGuard();
