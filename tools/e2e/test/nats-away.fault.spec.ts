/** NATS is away: when the services start, and in the middle of the work. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import OpenAI from 'openai';
import { findStablePort, startGateway, startNats, startSimulator } from '@switchboard/stack';
import { startWorker } from '@switchboard/stack';
import type { Gateway, NatsServer, Simulator, Worker } from '@switchboard/stack';
import { leakGuard, until } from '@switchboard/testkit';

import { ask, chat, chatBody, readAnswer } from '../chat.ts';
import { SimulatorClient } from '../simulator-client.ts';
import { gatewayReady, PATIENCE_MS, TestStack } from '../test-stack.ts';

/** Asserts that a request is refused for now, and says so to clients and load balancers. */
async function assertRefused(url: string): Promise<void> {
  for (const stream of [true, false]) {
    const { status, headers, error } = await ask(url, chatBody('sim/tokens=1', { stream }));
    assert.deepEqual([status, error?.code], [503, 'queue_unavailable']);
    assert.ok(Number(headers.get('retry-after')) >= 1);
    assert.equal(headers.get('x-should-retry'), 'true');
  }
  assert.equal((await fetch(`${url}/livez`)).status, 200);
}

async function statusOf(url: string): Promise<number | undefined> {
  try {
    return (await fetch(url)).status;
  } catch {
    // Nobody listens yet.
    return undefined;
  }
}

describe('services that start before NATS', () => {
  let natsUrl = '';
  let natsPort = 0;
  let healthUrl = '';
  let simulator: Simulator;
  let gateway: Gateway;
  let worker: Promise<Worker>;
  let nats: NatsServer | undefined;

  before(async () => {
    natsPort = await findStablePort();
    natsUrl = `nats://127.0.0.1:${natsPort}`;
    const healthPort = await findStablePort();
    healthUrl = `http://127.0.0.1:${healthPort}`;
    simulator = await startSimulator();
    // Says that it is ready only when it is: not before NATS is there.
    worker = startWorker({
      natsUrl,
      openaiBaseUrl: simulator.baseUrl,
      env: { HEALTH_PORT: String(healthPort) },
      startTimeoutMs: 60_000,
    });
    worker.catch(() => undefined);
    gateway = await startGateway({ natsUrl });
  });

  after(async () => {
    await gateway.process.stop();
    await (await worker).process.stop();
    await simulator.process.stop();
    await nats?.stop();
  });

  it('are alive, not ready, and refuse chats; with NATS they answer without a restart', async () => {
    await until(async () => (await statusOf(`${healthUrl}/readyz`)) === 503, {
      what: "the worker's health server",
      timeoutMs: PATIENCE_MS,
    });
    assert.equal(await statusOf(`${healthUrl}/livez`), 200);
    assert.equal(await statusOf(`${gateway.url}/readyz`), 503);
    await assertRefused(gateway.url);
    assert.equal((await fetch(`${gateway.url}/v1/models`)).status, 200);

    // The SDK tries again as it is told, and has its answer when NATS is there.
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'key', maxRetries: 10 });
    const patient = client.chat.completions.create({
      model: 'sim/tokens=3',
      messages: [{ role: 'user', content: 'Hello' }],
    });
    nats = await startNats({ port: natsPort });
    assert.equal((await patient).choices[0]?.message.content, 'Lorem ipsum dolor');
    assert.equal((await worker).process.running, true);
    await gatewayReady(gateway.url);
    assert.equal(await statusOf(`${healthUrl}/readyz`), 200);
    const counts = await new SimulatorClient(simulator.url).counts();
    assert.equal(counts.started, 1);
  });
});

describe('a nats-server that is killed and comes back with its files', () => {
  let stack: TestStack;

  before(async () => {
    stack = await TestStack.start({ workers: 2, poolSize: 5 });
  });
  after(async () => await stack.stop());

  it('interrupts no run: new chats are refused while it is away, running ones come whole', async () => {
    const script = 'sim/tokens=100,pace=60ms';
    const expected = await ask(stack.url, chatBody('sim/tokens=100'));
    const running = [true, true, false, false].map(async (stream, index) => {
      return await ask(stack.url, chatBody(script, { stream }), { requestId: `runs-${index}` });
    });
    await stack.modelRuns(running.length);
    stack.stack.nats.kill();
    await stack.stack.nats.exited;
    await until(async () => (await statusOf(`${stack.url}/readyz`)) === 503, {
      what: 'the gateway to notice',
      timeoutMs: PATIENCE_MS,
    });
    await assertRefused(stack.url);
    await stack.stack.nats.restart();

    for (const answer of await Promise.all(running)) {
      assert.deepEqual([answer.complete, answer.text], [true, expected.text]);
    }
    for (const index of running.keys()) {
      assert.equal((await stack.simulator.runsOf(`runs-${index}`)).length, 1);
    }
    await gatewayReady(stack.url);
    const later = await ask(stack.url, chatBody('sim/tokens=3', { stream: true }));
    assert.deepEqual([later.complete, later.text], [true, 'Lorem ipsum dolor']);
    await stack.idle();
  });

  it('loses no request that waits in the queue meanwhile', async () => {
    // All ten slots are taken, so the other ten wait.
    const answers = Array.from({ length: 20 }, async (_, index) => {
      const body = chatBody('sim/think=2s,tokens=3', { stream: true, user: `user-${index}` });
      return await ask(stack.url, body, { requestId: `waits-${index}` });
    });
    await until(async () => (await stack.streams.requests()) === 20, {
      what: 'all requests to be stored',
      timeoutMs: PATIENCE_MS,
    });
    stack.stack.nats.kill();
    await stack.stack.nats.exited;
    await stack.stack.nats.restart();
    for (const { complete, text } of await Promise.all(answers)) {
      assert.deepEqual([complete, text], [true, 'Lorem ipsum dolor']);
    }
    const ids = Array.from({ length: 20 }, (_, index) => `waits-${index}`);
    const runs = await Promise.all(ids.map(async (id) => await stack.simulator.runsOf(id)));
    assert.deepEqual(
      runs.map(({ length }) => length),
      ids.map(() => 1),
    );
    await stack.idle();
  });

  it('cancels the run of a caller who leaves while it is away', async () => {
    const caller = new AbortController();
    const options = { requestId: 'leaves', signal: caller.signal };
    const body = chatBody('sim/tokens=2000,pace=50ms', { stream: true });
    const response = await chat(stack.url, body, options);
    const left = assert.rejects(readAnswer(response), { name: 'AbortError' });
    stack.stack.nats.kill();
    await stack.stack.nats.exited;
    caller.abort();
    await left;
    await stack.stack.nats.restart();
    await stack.idle();
    const [run] = await stack.simulator.runsOf('leaves');
    assert.equal(run?.outcome, 'aborted');
    await gatewayReady(stack.url);
  });
});

leakGuard();
