/** A caller closes the connection, in each state a request can be in. One slot, so it shows. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';

import OpenAI from 'openai';
import { leakGuard, until } from '@switchboard/testkit';

import { ask, chatBody } from '../chat.ts';
import { RawClient } from '../raw-client.ts';
import { PATIENCE_MS, TestStack } from '../test-stack.ts';

/** Tokens that may still be made while the news travels. */
const WASTED_TOKENS_MAX = 2;

let stack: TestStack;

before(async () => {
  stack = await TestStack.start({ poolSize: 1, workerEnv: { LOG_LEVEL: 'debug' } });
});
after(async () => await stack.stop());

/** The one slot is free again, and the queue is empty. */
afterEach(async () => {
  await stack.idle();
  const next = await ask(stack.url, chatBody('sim/tokens=1'));
  assert.equal(next.complete, true);
  await stack.idle();
});

/** Asserts that the only call for a request was closed, and what it made after the caller left. */
async function assertClosed(requestId: string, leftAtMs: number): Promise<void> {
  const [run, ...others] = await stack.simulator.runsOf(requestId);
  assert.ok(run !== undefined && others.length === 0);
  assert.equal(run.outcome, 'aborted');
  const wasted = run.tokensAtMs.filter((atMs) => atMs > leftAtMs).length;
  assert.ok(wasted <= WASTED_TOKENS_MAX, `${wasted} tokens were made for nobody`);
}

describe('a caller who leaves', () => {
  for (const stream of [true, false]) {
    const form = stream ? 'streaming' : 'not streaming';

    it(`takes a queued request off the queue, and the model never hears of it, ${form}`, async () => {
      const id = `queued-${String(stream)}`;
      const holding = await RawClient.chat(stack.url, chatBody('sim/think=60s'), `before-${id}`);
      await stack.modelHas(`before-${id}`);
      const queued = await RawClient.chat(stack.url, chatBody('sim/think=60s', { stream }), id);
      await until(async () => (await stack.streams.requests()) === 2, {
        what: 'two requests in the stream',
        timeoutMs: PATIENCE_MS,
      });
      queued.leave();
      await until(async () => (await stack.streams.requests()) === 1, {
        what: 'one request in the stream',
        timeoutMs: PATIENCE_MS,
      });
      assert.equal((await stack.simulator.counts()).running, 1);
      holding.leave();
      await stack.idle();
      assert.deepEqual(await stack.simulator.runsOf(id), []);
    });

    it(`closes the model's connection before the first token, ${form}`, async () => {
      const id = `thinking-${String(stream)}`;
      const body = chatBody('sim/think=60s,tokens=5', { stream });
      const client = await RawClient.chat(stack.url, body, id);
      await stack.modelHas(id);
      const leftAtMs = client.leave();
      await stack.idle();
      await assertClosed(id, leftAtMs);
    });

    it(`ends a wait between two tries of the model, without another try, ${form}`, async () => {
      const id = `retrying-${String(stream)}`;
      const body = chatBody('sim/error=429,retry_after=20', { stream });
      const client = await RawClient.chat(stack.url, body, id);
      const waits = () =>
        stack.printed.some(
          ({ text }) => text.includes(id) && text.includes('calling the provider again'),
        );
      await until(waits, { what: 'the wait of the worker', timeoutMs: PATIENCE_MS });
      client.leave();
      await stack.idle();
      // The slot is used by another request while the wait would still last.
      assert.equal((await ask(stack.url, chatBody('sim/tokens=1'))).complete, true);
      assert.equal((await stack.simulator.runsOf(id)).length, 1);
    });
  }

  it('stops the model in the middle of a stream', async () => {
    const id = 'streaming';
    const body = chatBody('sim/tokens=2000,pace=50ms', { stream: true });
    const client = await RawClient.chat(stack.url, body, id);
    await client.until(/ipsum/);
    const leftAtMs = client.leave();
    await stack.idle();
    await assertClosed(id, leftAtMs);
  });

  it('stops the model in the middle of an answer that is not streamed', async () => {
    const id = 'whole';
    const client = await RawClient.chat(stack.url, chatBody('sim/tokens=2000,pace=50ms'), id);
    await stack.modelHas(id);
    const leftAtMs = client.leave();
    await stack.idle();
    await assertClosed(id, leftAtMs);
  });

  it('does the same by breaking off a stream of the SDK', async () => {
    const id = 'sdk';
    const client = new OpenAI({ baseURL: `${stack.url}/v1`, apiKey: 'key' });
    const stream = await client.chat.completions.create(
      {
        model: 'sim/tokens=2000,pace=50ms',
        messages: [{ role: 'user', content: 'Hello' }],
        stream: true,
      },
      { headers: { 'x-request-id': id } },
    );
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content === ' ipsum') break;
    }
    const leftAtMs = performance.timeOrigin + performance.now();
    await stack.idle();
    await assertClosed(id, leftAtMs);
  });
});

leakGuard();
