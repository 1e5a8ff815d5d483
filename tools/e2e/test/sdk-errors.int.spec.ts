/** What the official openai Node SDK makes of a chat completion's errors. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import OpenAI from 'openai';
import { leakGuard, until } from '@switchboard/testkit';

import { failureOf, sdkClient } from '../sdk-client.ts';
import type { HeardAnswer } from '../sdk-client.ts';
import { TestStack, gatewayReady } from '../test-stack.ts';

type Parameters = OpenAI.Chat.Completions.ChatCompletionCreateParamsNonStreaming;

const messages = [{ role: 'user' as const, content: 'Hello' }];

let stack: TestStack;
let client: OpenAI;
const heard: HeardAnswer[] = [];

before(async () => {
  stack = await TestStack.start({
    agents: [
      { name: 'assistant', model: 'sim/assistant' },
      { name: 'sim/*', model: '*', max_retries: 0 },
    ],
  });
  client = sdkClient(stack.url, heard);
});
after(async () => await stack.stop());

/** The status of each answer to a request, in order. */
function statusesOf(requestId: string): readonly number[] {
  return heard.filter(({ request }) => request === requestId).map(({ status }) => status);
}

describe('errors in the SDK', () => {
  function create(model: string, fields: Partial<Parameters> = {}, requestId = 'any') {
    const headers = { 'x-request-id': requestId };
    return client.chat.completions.create({ model, messages, ...fields }, { headers });
  }

  it('are NotFoundError for a model that does not exist', async () => {
    const error = await failureOf(create('gpt-unknown'));
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.deepEqual([error.status, error.code, error.param], [404, 'model_not_found', 'model']);
  });

  it('are BadRequestError with the path of the wrong field', async () => {
    const wrong = await failureOf(create('assistant', { temperature: 3 }));
    assert.ok(wrong instanceof OpenAI.BadRequestError);
    assert.deepEqual([wrong.code, wrong.param], ['invalid_request', 'temperature']);
    const refused = await failureOf(create('assistant', { n: 2 }));
    assert.ok(refused instanceof OpenAI.BadRequestError);
    assert.deepEqual([refused.code, refused.param], ['unsupported_parameter', 'n']);
  });

  it('are RateLimitError at the limit of a user, tried again until there is room', async () => {
    const { url } = await stack.stack.addGateway({ MAX_OUTSTANDING_PER_USER: '1' });
    await gatewayReady(url);
    const limited = sdkClient(url, heard);
    const ask = (script: string, id: string, maxRetries?: number) =>
      limited.chat.completions.create(
        { model: script, messages, user: 'one' },
        { headers: { 'x-request-id': id }, ...(maxRetries === undefined ? {} : { maxRetries }) },
      );
    const holder = new AbortController();
    const holding = limited.chat.completions.create(
      { model: 'sim/think=60s', messages, user: 'one' },
      { headers: { 'x-request-id': 'holding' }, signal: holder.signal },
    );
    const held = assert.rejects(holding, OpenAI.APIUserAbortError);
    await stack.modelHas('holding');
    const error = await failureOf(ask('sim/tokens=1', 'limited', 0));
    assert.ok(error instanceof OpenAI.RateLimitError);
    assert.equal(error.code, 'rate_limit_exceeded');
    assert.equal(error.headers.get('x-should-retry'), 'true');
    assert.ok(Number(error.headers.get('retry-after')) >= 1);
    const patient = ask('sim/tokens=1', 'patient');
    await until(() => statusesOf('patient').length > 0, { what: 'the first refusal' });
    holder.abort();
    assert.equal((await patient).choices[0]?.finish_reason, 'stop');
    assert.deepEqual(statusesOf('patient'), [429, 200]);
    assert.equal((await stack.simulator.runsOf('limited')).length, 0);
    assert.equal((await stack.simulator.runsOf('patient')).length, 1);
    await held;
  });

  it('are InternalServerError for a 503', async () => {
    const error = await failureOf(create('sim/error=429,retry_after=31', {}, 'unavailable'));
    assert.ok(error instanceof OpenAI.InternalServerError);
    assert.deepEqual([error.status, error.code], [503, 'provider_rate_limited']);
    assert.deepEqual(statusesOf('unavailable'), [503]);
  });

  for (const stream of [false, true]) {
    const form = stream ? 'streaming' : 'not streaming';
    it(`never make it call the model twice once a run has started, ${form}`, async () => {
      const faults = [
        'error=500',
        'error=503',
        'error=429,retry_after=0',
        'cut=0',
        'status_html=1',
      ];
      for (const fault of faults) {
        const id = `once-${fault.replaceAll(/\W/g, '-')}-${String(stream)}`;
        const error = await failureOf(
          client.chat.completions.create(
            { model: `sim/${fault}`, messages, stream },
            { headers: { 'x-request-id': id } },
          ),
        );
        assert.ok(error instanceof OpenAI.InternalServerError, `${fault}: ${error.message}`);
        assert.equal(error.headers.get('x-should-retry'), 'false');
        assert.equal(statusesOf(id).length, 1);
        assert.equal((await stack.simulator.runsOf(id)).length, 1);
      }
    });
  }

  it('are thrown in the middle of a stream that breaks there, after the text before it', async () => {
    const id = 'broken-in-the-middle';
    const stream = await client.chat.completions.create(
      { model: 'sim/tokens=9,cut=3,pace=5ms', messages, stream: true },
      { headers: { 'x-request-id': id } },
    );
    const seen: string[] = [];
    const error = await failureOf(
      (async () => {
        for await (const chunk of stream) seen.push(chunk.choices[0]?.delta.content ?? '');
      })(),
    );
    assert.equal(seen.join(''), 'Lorem ipsum dolor');
    assert.equal(error.code, 'provider_stream_cut');
    assert.equal(statusesOf(id).length, 1);
    assert.equal((await stack.simulator.runsOf(id)).length, 1);
  });
});

leakGuard();
