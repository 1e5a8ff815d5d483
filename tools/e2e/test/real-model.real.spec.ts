/**
 * All of Switchboard in front of a model server that nobody here wrote: llama.cpp with a small
 * model, or the endpoint of OPENAI_BASE_URL (with OPENAI_MODEL and OPENAI_API_KEY).
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';

import type OpenAI from 'openai';
import { startStack, untilReady, writeAgentsFile } from '@switchboard/stack';
import type { Stack } from '@switchboard/stack';
import { leakGuard, until } from '@switchboard/testkit';

import { ModelRelay } from '../real/model-relay.ts';
import { startRealModel } from '../real/real-model.ts';
import type { RealModel } from '../real/real-model.ts';
import { sdkClient } from '../sdk-client.ts';

const SLOTS = 4;
const USERS = 10;
/** Minutes of work for a small model on two cores: whoever stops earlier was stopped. */
const ENDLESS_TOKENS = 6_000;
/** Some seconds of work. */
const LENGTHY_TOKENS = 200;
/** Less than half of what the endless answer takes on a fast machine. */
const STOP_MS = 30_000;
const PATIENCE_MS = 120_000;

const capital = [
  { role: 'user' as const, content: 'What is the capital of France? Answer in one sentence.' },
];
const count = [
  { role: 'user' as const, content: 'Count from 1 to 5000, one number a line. Begin: 1' },
];

let model: RealModel;
let relay: ModelRelay;
let stack: Stack;
let client: OpenAI;
const printed: string[] = [];

before(async () => {
  model = await startRealModel();
  relay = await ModelRelay.to(model.baseUrl);
  const short = { name: 'assistant', model: model.model, max_tokens: 48 };
  const long = { name: 'endless', model: model.model, max_tokens: ENDLESS_TOKENS };
  const file = writeAgentsFile([
    { ...short, defaults: { temperature: 0 }, first_token_timeout: 300 },
    { ...long, defaults: { ...model.endless, temperature: 0.8 } },
    { ...long, name: 'lengthy', max_tokens: LENGTHY_TOKENS, defaults: { ...model.endless } },
  ]);
  stack = await startStack({
    withoutSimulator: true,
    onLine: (_process, line) => printed.push(line),
    poolSize: SLOTS,
    gatewayEnv: { AGENTS_FILE: file },
    workerEnv: {
      AGENTS_FILE: file,
      OPENAI_BASE_URL: relay.baseUrl,
      ...(model.apiKey === undefined ? {} : { OPENAI_API_KEY: model.apiKey }),
    },
  });
  await untilReady(stack.url);
  client = sdkClient(stack.url, [], { maxRetries: 0 });
});
after(async () => {
  await stack?.stop();
  await relay?.[Symbol.asyncDispose]();
  await model?.stop();
});
afterEach(async () => await idle());

/** No call runs, and the server computes nothing. */
async function idle(withinMs = PATIENCE_MS): Promise<void> {
  const none = () => relay.running === 0;
  await until(none, { what: 'the end of every call', timeoutMs: withinMs });
  await model.atRest?.(withinMs);
}

interface AccountLine {
  readonly outcome: string;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** What the worker has written of a run that is over. */
function accountOf(requestId: string): AccountLine {
  const line = printed.find((one) => one.includes('"run over"') && one.includes(requestId));
  return JSON.parse(line ?? '{}') as AccountLine;
}

function assertCounted(usage: OpenAI.CompletionUsage | null | undefined): void {
  assert.ok(usage !== null && usage !== undefined);
  assert.ok(usage.prompt_tokens > 5, `prompt ${usage.prompt_tokens}`);
  assert.ok(usage.completion_tokens > 0 && usage.completion_tokens <= 48);
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
}

describe('a real model', () => {
  it('answers with sense, and says what that took', async () => {
    const answer = await client.chat.completions.create({ model: 'assistant', messages: capital });
    assert.match(answer.choices[0]?.message.content ?? '', /Paris/);
    assert.match(answer.choices[0]?.finish_reason ?? '', /^(stop|length)$/);
    assertCounted(answer.usage);
  });

  it('streams while it writes, and says at the end what that took', async () => {
    const stream = await client.chat.completions.create({
      model: 'assistant',
      messages: capital,
      stream: true,
      stream_options: { include_usage: true },
    });
    const texts: string[] = [];
    let [ranAtFirstText, finish] = [false, ''];
    let usage: OpenAI.CompletionUsage | null | undefined;
    for await (const chunk of stream) {
      const text = chunk.choices[0]?.delta.content ?? '';
      if (text !== '' && texts.length === 0) ranAtFirstText = relay.running === 1;
      if (text !== '') texts.push(text);
      finish = chunk.choices[0]?.finish_reason ?? finish;
      usage = chunk.usage ?? usage;
    }
    assert.match(texts.join(''), /Paris/);
    assert.ok(texts.length >= 3, `${texts.length} pieces`);
    assert.ok(ranAtFirstText, 'the first text came when the model had ended');
    assert.match(finish, /^(stop|length)$/);
    assertCounted(usage);
  });

  it('stops in mid-stream when the caller leaves, and answers the next one', async () => {
    const aborted = relay.aborted;
    const stream = await client.chat.completions.create(
      { model: 'endless', messages: count, stream: true },
      { headers: { 'x-request-id': 'left-in-the-middle' } },
    );
    let chunks = 0;
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content) chunks += 1;
      if (chunks === 5) break;
    }
    await idle(STOP_MS);
    assert.equal(relay.aborted, aborted + 1);
    const { promptTokens, completionTokens, outcome } = accountOf('left-in-the-middle');
    assert.equal(outcome, 'stopped');
    assert.ok(promptTokens > 5 && completionTokens >= 5, `${promptTokens}, ${completionTokens}`);
    assert.ok(completionTokens < ENDLESS_TOKENS / 2);
    const answer = await client.chat.completions.create({ model: 'assistant', messages: capital });
    assert.match(answer.choices[0]?.message.content ?? '', /Paris/);
  });

  it('closes its call when the caller of a whole answer leaves', async () => {
    const [aborted, leaving] = [relay.aborted, new AbortController()];
    const asked = { model: 'lengthy', messages: count };
    const call = client.chat.completions.create(asked, { signal: leaving.signal });
    await until(() => relay.running === 1, { what: 'the call', timeoutMs: PATIENCE_MS });
    leaving.abort();
    await assert.rejects(call, /aborted/);
    // Once it writes a whole answer, this server writes it to the end: `idle` waits for that.
    await idle();
    assert.equal(relay.aborted, aborted + 1);
  });

  it('answers ten users at once with no more calls at once than there are slots', async () => {
    relay.mostRunning = 0;
    const started = relay.started;
    const texts = await Promise.all(
      Array.from({ length: USERS }, async (_, number) => {
        const asked = { model: 'assistant', messages: capital, user: `user-${number}` };
        if (number % 2 === 0) {
          const answer = await client.chat.completions.create(asked);
          assertCounted(answer.usage);
          return answer.choices[0]?.message.content ?? '';
        }
        let text = '';
        const stream = await client.chat.completions.create({ ...asked, stream: true });
        for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
        return text;
      }),
    );
    assert.deepEqual(
      texts.filter((text) => !text.includes('Paris')),
      [],
    );
    assert.equal(relay.started - started, USERS);
    assert.equal(relay.mostRunning, SLOTS);
  });

  it('answers the Responses API, too', async () => {
    const { content: input } = capital[0] ?? { content: '' };
    const answer = await client.responses.create({ model: 'assistant', input });
    assert.equal(answer.status === 'completed' || answer.status === 'incomplete', true);
    assert.match(answer.output_text, /Paris/);
    assert.ok((answer.usage?.output_tokens ?? 0) > 0);
  });
});

leakGuard();
