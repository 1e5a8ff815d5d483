import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import OpenAI from 'openai';
import { SwitchboardError } from '@switchboard/contract';
import type { RunEvent } from '@switchboard/contract';
import { COMPLETED, STARTED, text } from './fake-runs.ts';
import { startGateway } from './harness.ts';
import type { TestGateway } from './harness.ts';

const messages = [{ role: 'user' as const, content: 'Hello' }];
const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
const CALLS: readonly RunEvent[] = [
  STARTED,
  { type: 'tool.call', index: 0, id: 'c1', name: 'weather', arguments: '{"city"' },
  { type: 'tool.call', index: 0, arguments: ':"Rome"}' },
  { type: 'usage', usage },
  { type: 'completed', finishReason: 'tool_calls' },
];

const OWN_CALL = { id: 'c1', name: 'read', source: 'files', arguments: '{"path":"a"}' };
/** Two steps of an agent with a tool of its own, and what a caller is told of it. */
const STEPS: readonly RunEvent[] = [
  STARTED,
  text('One moment. '),
  { type: 'usage', usage: { ...usage, total_tokens: 1 } },
  { type: 'tool.started', ...OWN_CALL },
  { type: 'tool.result', id: 'c1', output: 'secret of a' },
  text('It is there.'),
  { type: 'usage', usage },
  COMPLETED,
];

let server: TestGateway;
let client: OpenAI;

before(async () => {
  server = await startGateway({ startedHoldMs: 10_000 });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'key' });
});
beforeEach(() => {
  server.runs.refusal = undefined;
  server.runs.submitted.length = 0;
});
after(() => server[Symbol.asyncDispose]());

async function failureOf(
  request: PromiseLike<unknown>,
): Promise<InstanceType<typeof OpenAI.APIError>> {
  try {
    await request;
  } catch (error) {
    assert.ok(error instanceof OpenAI.APIError);
    return error;
  }
  throw new Error('it did not fail');
}

describe('the official openai SDK', () => {
  it('reads an answer', async () => {
    server.runs.script = (run) =>
      run.emit(STARTED, text('Hel'), text('lo'), { type: 'usage', usage }, COMPLETED);
    const answer = await client.chat.completions.create({ model: 'assistant', messages });
    assert.equal(answer.choices[0]?.message.content, 'Hello');
    assert.equal(answer.choices[0]?.finish_reason, 'stop');
    assert.deepEqual(answer.usage, usage);
    // oxlint-disable-next-line no-underscore-dangle -- the SDK's own name
    assert.match(answer._request_id ?? '', /^req_/);
  });

  it('reads a stream, with usage at its end', async () => {
    server.runs.script = (run) =>
      run.emit(STARTED, text('Hel'), text('lo'), { type: 'usage', usage }, COMPLETED);
    const stream = client.chat.completions.stream({
      model: 'assistant',
      messages,
      stream_options: { include_usage: true },
    });
    const final = await stream.finalChatCompletion();
    assert.equal(final.choices[0]?.message.content, 'Hello');
    assert.deepEqual(final.usage, usage);
  });

  it('reads tool calls, streamed or not', async () => {
    server.runs.script = (run) => run.emit(...CALLS);
    const plain = await client.chat.completions.create({ model: 'assistant', messages });
    const streamed = await client.chat.completions
      .stream({ model: 'assistant', messages })
      .finalChatCompletion();
    for (const answer of [plain, streamed]) {
      const [call] = answer.choices[0]?.message.tool_calls ?? [];
      assert.ok(call?.type === 'function');
      assert.equal(call.id, 'c1');
      assert.equal(call.function.name, 'weather');
      assert.equal(call.function.arguments, '{"city":"Rome"}');
      assert.equal(answer.choices[0]?.finish_reason, 'tool_calls');
    }
  });

  it("passes the steps of an agent on, and takes none of its calls for the caller's", async () => {
    server.runs.script = (run) => run.emit(...STEPS);
    const plain = await client.chat.completions.create({ model: 'assistant', messages });
    const notes: unknown[] = [];
    const stream = client.chat.completions
      .stream({ model: 'assistant', messages, stream_options: { include_usage: true } })
      .on('chunk', (chunk) => {
        if ('switchboard' in chunk) notes.push(chunk.switchboard);
      });
    const streamed = await stream.finalChatCompletion();
    for (const answer of [plain, streamed]) {
      const message = answer.choices[0]?.message;
      assert.equal(message?.content, 'One moment. It is there.');
      assert.deepEqual(message?.tool_calls ?? [], []);
      assert.deepEqual(answer.usage, usage);
    }
    const output = 'secret of a';
    assert.deepEqual('switchboard' in plain && plain.switchboard, {
      tool_calls: [{ ...OWN_CALL, output }],
    });
    assert.deepEqual(notes, [{ tool_call: OWN_CALL }, { tool_result: { id: 'c1', output } }]);
  });

  it('is told of the tokens of the attempt that gave the answer, not of a lost one', async () => {
    server.runs.script = (run) =>
      run.emit(STARTED, text('Hel'), { type: 'usage', usage }, STARTED, text('Hallo'), COMPLETED);
    const ask = { model: 'assistant', messages, stream_options: { include_usage: true } };
    const streamed = await client.chat.completions.stream(ask).finalChatCompletion();
    const plain = await client.chat.completions.create({ model: 'assistant', messages });
    assert.deepEqual([streamed.usage ?? null, plain.usage ?? null], [null, null]);
  });

  it('reads them as items of a response, and the conversation goes on with them', async () => {
    server.runs.script = (run) => run.emit(...STEPS);
    const ask = { model: 'assistant', input: 'Is a there?' };
    const stream = client.responses.stream(ask);
    const seen: string[] = [];
    stream.on('event', ({ type }) => {
      if (type.startsWith('response.mcp_call')) seen.push(type.slice('response.mcp_call'.length));
    });
    const streamed = await stream.finalResponse();
    const plain = await client.responses.create(ask);
    assert.deepEqual(seen, ['.in_progress', '_arguments.delta', '_arguments.done', '.completed']);
    for (const response of [streamed, plain]) {
      assert.deepEqual(
        response.output.map(({ type }) => type),
        ['message', 'mcp_call', 'message'],
      );
      const call = response.output[1];
      assert.ok(call?.type === 'mcp_call');
      assert.deepEqual(
        [call.server_label, call.name, call.arguments, call.output, call.status],
        ['files', 'read', '{"path":"a"}', 'secret of a', 'completed'],
      );
      assert.equal(response.output_text, 'One moment. It is there.');
    }
    await client.responses.create({
      ...ask,
      input: 'And b?',
      previous_response_id: plain.id,
    });
    await client.responses.create({
      model: 'assistant',
      input: [
        ...(plain.output as OpenAI.Responses.ResponseInputItem[]),
        { role: 'user', content: 'And b?' },
      ],
    });
    for (const run of server.runs.submitted.slice(-2)) {
      const roles = run.submission.chat.messages.map(({ role }) => role);
      assert.deepEqual(roles.slice(-4), ['assistant', 'tool', 'assistant', 'user']);
      assert.match(JSON.stringify(run.submission.chat.messages), /secret of a/);
    }
  });

  it('lists and finds models, also with slashes in their names', async () => {
    const names = (await client.models.list()).data.map((model) => model.id);
    assert.ok(names.includes('team/writer') && names.includes('sim/*'));
    assert.equal((await client.models.retrieve('team/writer')).id, 'team/writer');
  });

  it('makes its own kinds of errors of ours', async () => {
    const bad = await failureOf(
      client.chat.completions.create({ model: 'assistant', messages, n: 2 }),
    );
    assert.ok(bad instanceof OpenAI.BadRequestError);
    assert.deepEqual([bad.code, bad.param], ['unsupported_parameter', 'n']);
    const missing = await failureOf(client.chat.completions.create({ model: 'no', messages }));
    assert.ok(missing instanceof OpenAI.NotFoundError);
    server.runs.refusal = new SwitchboardError('too_many_outstanding', 'Too many.', {
      retryAfterMs: 1,
    });
    const limited = await failureOf(
      client.chat.completions.create({ model: 'assistant', messages }),
    );
    assert.ok(limited instanceof OpenAI.RateLimitError);
  });

  it('tries again by itself where no run has started', async () => {
    server.runs.refusal = new SwitchboardError('queue_full', 'Full.', { retryAfterMs: 1 });
    let refused = 0;
    const counting = new OpenAI({
      baseURL: `${server.url}/v1`,
      apiKey: 'key',
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        if (response.status === 503) refused += 1;
        server.runs.refusal = undefined;
        return response;
      },
    });
    server.runs.script = (run) => run.emit(STARTED, text('Hi'), COMPLETED);
    const answer = await counting.chat.completions.create({ model: 'assistant', messages });
    assert.equal(answer.choices[0]?.message.content, 'Hi');
    assert.equal(refused, 1);
  });

  for (const stream of [false, true]) {
    it(`never runs an agent twice by itself, ${stream ? 'streaming' : 'not streaming'}`, async () => {
      server.runs.script = (run) =>
        run.emit(STARTED, { type: 'failed', code: 'provider_error', message: 'Broken.' });
      const error = await failureOf(
        client.chat.completions.create({ model: 'assistant', messages, stream }),
      );
      assert.equal(error.status, 502);
      assert.equal(error.code, 'provider_error');
      assert.equal(server.runs.submitted.length, 1);
    });
  }

  it('throws in the middle of a stream that fails there', async () => {
    server.runs.script = (run) =>
      run.emit(STARTED, text('Hi'), { type: 'failed', code: 'worker_lost', message: 'Lost.' });
    const stream = await client.chat.completions.create({
      model: 'assistant',
      messages,
      stream: true,
    });
    const seen: string[] = [];
    const error = await failureOf(
      (async () => {
        for await (const chunk of stream) seen.push(chunk.choices[0]?.delta.content ?? '');
      })(),
    );
    assert.deepEqual(seen, ['', 'Hi']);
    assert.equal(error.code, 'worker_lost');
    assert.equal(server.runs.submitted.length, 1);
  });

  it('cancels the run when it breaks off a stream', async () => {
    server.runs.script = (run) => run.emit(STARTED, text('Hi'));
    const stream = await client.chat.completions.create({
      model: 'assistant',
      messages,
      stream: true,
    });
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content === 'Hi') break;
    }
    assert.equal(await server.runs.submitted[0]?.cancelled.promise, 'client_gone');
  });
});
