/** The Responses API of two gateways, used with the official openai Node SDK. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';

import OpenAI from 'openai';
import { leakGuard, until } from '@switchboard/testkit';

import { ask, chatBody } from '../chat.ts';
import { responsesClient } from '../responses-client.ts';
import type { HeardAnswer } from '../responses-client.ts';
import { Standard } from '../standard.ts';
import { PATIENCE_MS, TestStack } from '../test-stack.ts';

type StreamEvent = OpenAI.Responses.ResponseStreamEvent;
type ApiResponse = OpenAI.Responses.Response;

const WEATHER = {
  type: 'function' as const,
  name: 'get_weather',
  strict: false,
  parameters: {
    type: 'object',
    properties: { city: { type: 'string', enum: ['Rome'] } },
    required: ['city'],
  },
};
/** A PNG of one pixel. */
const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk' +
  '+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
/** About two seconds of stream. */
const SLOW = 'sim/tokens=40,pace=50ms';

let stack: TestStack;
let standard: Standard;
const heard: HeardAnswer[] = [];
/** Each knows one gateway. */
let first: OpenAI;
let second: OpenAI;
let slowText = '';

before(async () => {
  stack = await TestStack.start({ gateways: 2 });
  standard = await Standard.of(stack.url);
  const [one, other] = stack.stack.gateways;
  assert.ok(one !== undefined && other !== undefined);
  first = responsesClient(one.url, heard);
  second = responsesClient(other.url, heard);
  slowText = (await ask(stack.url, chatBody('sim/tokens=40'))).text;
});
after(async () => await stack.stop());

/** Every body and every event of every test is of the standard. */
afterEach(() => {
  const answers = heard.splice(0);
  assert.ok(answers.length > 0);
  assert.deepEqual(
    answers.flatMap((answer) => standard.problemsOf(answer)),
    [],
  );
});

function assertNumbered(events: readonly StreamEvent[], from = 0): void {
  assert.deepEqual(
    events.map(({ sequence_number: number }) => number),
    events.map((_, index) => from + index),
  );
}

function textOf(events: readonly StreamEvent[]): string {
  return events
    .map((event) => (event.type === 'response.output_text.delta' ? event.delta : ''))
    .join('');
}

async function all(stream: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

/** Reads until some text has come, and leaves. */
async function readSome(stream: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of stream) {
    events.push(event);
    if (textOf(events).split(' ').length > 5) return events;
  }
  throw new Error('the stream ended before it was left');
}

function idOf(events: readonly StreamEvent[]): string {
  const [created] = events;
  assert.ok(created?.type === 'response.created');
  return created.response.id;
}

async function ended(client: OpenAI, id: string): Promise<ApiResponse> {
  const over = async () => {
    const response = await client.responses.retrieve(id);
    return response.status !== 'queued' && response.status !== 'in_progress' && response;
  };
  return await until(over, { what: `the end of ${id}`, timeoutMs: PATIENCE_MS, intervalMs: 50 });
}

async function failureOf(
  request: PromiseLike<unknown>,
): Promise<InstanceType<typeof OpenAI.APIError>> {
  try {
    await request;
  } catch (error) {
    if (error instanceof OpenAI.APIError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

/** The request that reached the model, which repeats it: script `text=request`. */
function repeated(response: ApiResponse): { messages: { role: string; content: unknown }[] } {
  return JSON.parse(response.output_text) as ReturnType<typeof repeated>;
}

describe('a response streamed to the SDK', () => {
  it('is put together by its helper, which takes every event in its order', async () => {
    const stream = first.responses.stream({ model: 'sim/tokens=20,reasoning=4', input: 'Hello' });
    const events: StreamEvent[] = [];
    stream.on('event', (event) => events.push(event));
    const final = await stream.finalResponse();
    assertNumbered(events);
    const types = events.map(({ type }) => type);
    assert.deepEqual(types.slice(0, 3), [
      'response.created',
      'response.queued',
      'response.in_progress',
    ]);
    assert.equal(types.at(-1), 'response.completed');
    assert.equal(final.status, 'completed');
    assert.deepEqual(
      final.output.map(({ type }) => type),
      ['reasoning', 'message'],
    );
    assert.equal(final.output_text, textOf(events));
    assert.match(final.output_text, /^Lorem ipsum/);
    const stored = await second.responses.retrieve(final.id);
    assert.deepEqual([stored.status, stored.output_text], ['completed', final.output_text]);
    const [last] = events.slice(-1);
    assert.ok(last?.type === 'response.completed');
    assert.deepEqual(stored.output, last.response.output);
  });

  it('goes on at the other gateway after any event, to the same end', async () => {
    const stream = await first.responses.create({
      model: SLOW,
      input: 'Hello',
      stream: true,
      background: true,
    });
    const start = await readSome(stream);
    const id = idOf(start);
    const rest = await all(
      await second.responses.retrieve(id, { stream: true, starting_after: start.length - 1 }),
    );
    const whole = [...start, ...rest];
    assertNumbered(whole);
    assert.equal(textOf(whole), slowText);
    // Also when it has ended, live or from what is stored.
    assert.deepEqual(await all(await first.responses.retrieve(id, { stream: true })), whole);
    for (const last of [0, 7, whole.length - 2]) {
      const again = await second.responses.retrieve(id, { stream: true, starting_after: last });
      assert.deepEqual(await all(again), whole.slice(last + 1));
    }
  });

  it('in the foreground goes on at the other gateway too, if it was to be resumed', async () => {
    const stream = await first.responses.create(
      { model: SLOW, input: 'Hello', stream: true },
      { headers: { 'x-switchboard-on-disconnect': 'resume', 'x-request-id': 'foreground' } },
    );
    const start = await readSome(stream);
    const rest = await second.responses.retrieve(idOf(start), {
      stream: true,
      starting_after: start.length - 1,
    });
    const whole = [...start, ...(await all(rest))];
    assertNumbered(whole);
    assert.equal(textOf(whole), slowText);
    assert.equal(whole.at(-1)?.type, 'response.completed');
    assert.equal((await stack.simulator.runsOf('foreground')).length, 1);
  });

  it('is cancelled when its reader leaves and has not said otherwise', async () => {
    const stream = await first.responses.create(
      { model: 'sim/tokens=2000,pace=50ms', input: 'Hello', stream: true },
      { headers: { 'x-request-id': 'left' } },
    );
    const id = idOf(await readSome(stream));
    assert.equal((await ended(second, id)).status, 'cancelled');
    await stack.idle();
    assert.equal((await stack.simulator.runsOf('left'))[0]?.outcome, 'aborted');
  });

  it('is the same for several readers at both gateways', async () => {
    const { id } = await first.responses.create({ model: SLOW, input: 'Hello', background: true });
    const readers = [first, second, first, second].map(
      async (client) => await all(await client.responses.retrieve(id, { stream: true })),
    );
    const [one, ...others] = await Promise.all(readers);
    assert.ok(one !== undefined);
    assertNumbered(one);
    assert.equal(textOf(one), slowText);
    for (const other of others) assert.deepEqual(other, one);
  });
});

describe('a response in the background', () => {
  it('answers at once, and is polled at either gateway until it has ended', async () => {
    const { id, status, background } = await first.responses.create({
      model: 'sim/think=300ms,tokens=20',
      input: 'Hello',
      background: true,
      metadata: { ticket: '7' },
    });
    assert.match(status ?? 'none', /^(queued|in_progress)$/);
    assert.equal(background, true);
    const response = await ended(second, id);
    assert.deepEqual([response.status, response.metadata], ['completed', { ticket: '7' }]);
    assert.match(response.output_text, /^Lorem ipsum/);
  });

  it('is cancelled from the other gateway, and a second time nothing changes', async () => {
    const { id } = await first.responses.create(
      { model: 'sim/think=60s', input: 'Hello', background: true },
      { headers: { 'x-request-id': 'cancelled' } },
    );
    await stack.modelHas('cancelled');
    const cancelled = await second.responses.cancel(id);
    assert.equal(cancelled.status, 'cancelled');
    assert.deepEqual(await first.responses.cancel(id), cancelled);
    await stack.idle();
    assert.equal((await stack.simulator.runsOf('cancelled'))[0]?.outcome, 'aborted');
  });

  it('that has ended is given unchanged to whoever cancels it', async () => {
    const done = await first.responses.create({ model: 'sim/tokens=3', input: 'Hello' });
    assert.equal(done.status, 'completed');
    const cancelled = await second.responses.cancel(done.id);
    // The SDK adds this to some answers only.
    const { output_text: _, ...unchanged } = await first.responses.retrieve(done.id);
    assert.deepEqual(cancelled, unchanged);
    assert.equal(cancelled.status, 'completed');
  });
});

describe('turns of a conversation', () => {
  it('go on at the other gateway with everything that was said', async () => {
    const one = await first.responses.create({
      model: 'sim/tokens=2',
      input: 'Capital of France?',
      instructions: 'Be brief.',
    });
    const two = await second.responses.create({
      model: 'sim/tokens=3',
      input: [{ role: 'user', content: 'And of Spain?' }],
      previous_response_id: one.id,
    });
    const three = await first.responses.create({
      model: 'sim/text=request',
      input: 'And of Italy?',
      previous_response_id: two.id,
    });
    const { messages } = repeated(three);
    assert.deepEqual(
      messages.map(({ role }) => role),
      ['user', 'assistant', 'user', 'assistant', 'user'],
    );
    assert.match(JSON.stringify(messages), /France.*Lorem ipsum.*Spain.*ipsum dolor.*Italy/);
    const items = await second.responses.inputItems.list(three.id);
    assert.match(JSON.stringify(items.data), /Italy/);
  });

  it('cannot follow one that is unknown, deleted, unfinished, failed, or has lost a turn', async () => {
    const question = { model: 'sim/tokens=1', input: 'Hello' };
    const gone = await first.responses.create(question);
    const orphan = await first.responses.create({ ...question, previous_response_id: gone.id });
    await second.responses.delete(gone.id);
    const running = await first.responses.create({
      model: 'sim/think=60s',
      input: 'Hello',
      background: true,
    });
    const failing = await first.responses.create({
      model: 'sim/error=400',
      input: 'Hello',
      background: true,
    });
    await ended(first, failing.id);
    const unknown = `${gone.id.slice(0, -4)}0000`;
    const names = [unknown, 'nonsense', gone.id, orphan.id, running.id, failing.id];
    for (const previous of names) {
      const body = { ...question, previous_response_id: previous };
      const error = await failureOf(second.responses.create(body));
      assert.deepEqual(
        [error.status, error.code, error.param],
        [400, 'previous_response_not_found', 'previous_response_id'],
      );
    }
    await first.responses.cancel(running.id);
  });
});

describe("a caller's function", () => {
  it('comes back as a function_call, and its output goes to the model', async () => {
    const question = { role: 'user' as const, content: 'Weather in Rome?' };
    const model = 'sim/tool=get_weather';
    const called = await first.responses.create({ model, input: [question], tools: [WEATHER] });
    const [call] = called.output;
    assert.ok(call?.type === 'function_call');
    assert.deepEqual([call.name, JSON.parse(call.arguments)], ['get_weather', { city: 'Rome' }]);
    const output = {
      type: 'function_call_output' as const,
      call_id: call.call_id,
      output: 'Sunny.',
    };
    const shapes = [
      { input: [question, call, output] },
      { input: [output], previous_response_id: called.id },
    ];
    for (const shape of shapes) {
      const answer = await second.responses.create({
        model: 'sim/text=request',
        tools: [WEATHER],
        ...shape,
      });
      const { messages } = repeated(answer);
      assert.deepEqual(
        messages.map(({ role }) => role),
        ['user', 'assistant', 'tool'],
      );
      assert.match(JSON.stringify(messages[1]), /get_weather/);
      assert.equal(messages[2]?.content, 'Sunny.');
      assert.match(JSON.stringify(messages[2]), new RegExp(call.call_id));
    }
  });

  it('has its arguments streamed', async () => {
    const stream = first.responses.stream({
      model: 'sim/tool=get_weather,pace=5ms',
      input: 'Weather?',
      tools: [WEATHER],
    });
    const pieces: string[] = [];
    stream.on('response.function_call_arguments.delta', ({ delta }) => pieces.push(delta));
    const final = await stream.finalResponse();
    assert.ok(pieces.length > 1);
    assert.deepEqual(JSON.parse(pieces.join('')), { city: 'Rome' });
    const [call] = final.output;
    assert.equal(call?.type === 'function_call' && call.arguments, pieces.join(''));
  });
});

describe('an input item', () => {
  it('that is an image as a data URL reaches the model', async () => {
    const response = await first.responses.create({
      model: 'sim/text=request',
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'What is this?' },
            { type: 'input_image', image_url: PIXEL, detail: 'auto' },
          ],
        },
      ],
    });
    const { messages } = repeated(response);
    assert.match(JSON.stringify(messages), /What is this\?/);
    assert.ok(JSON.stringify(messages).includes(JSON.stringify(PIXEL)));
  });
});

describe('a stored response', () => {
  it('that was deleted is found at no gateway', async () => {
    const { id } = await first.responses.create({ model: 'sim/tokens=3', input: 'Hello' });
    await second.responses.delete(id);
    for (const client of [first, second]) {
      const error = await failureOf(client.responses.retrieve(id));
      assert.deepEqual([error.status, error.code], [404, 'response_not_found']);
    }
  });

  it("that is unknown, nobody's, or somebody else's is a 404 in every route", async () => {
    const { id } = await first.responses.create({ model: 'sim/tokens=3', input: 'Hello' });
    const stranger = responsesClient(stack.url, heard, 'another-key');
    const asked = [
      ...[`${id.slice(0, -4)}0000`, 'resp_x', 'x', 'resp_*.>'].map((one) => ({ who: first, one })),
      { who: stranger, one: id },
    ];
    for (const { who, one } of asked) {
      for (const request of [
        () => who.responses.retrieve(one),
        () => who.responses.retrieve(one, { stream: true, starting_after: 3 }),
        () => who.responses.inputItems.list(one),
        () => who.responses.cancel(one),
        () => who.responses.delete(one),
      ]) {
        const error = await failureOf(request());
        assert.deepEqual([error.status, error.code], [404, 'response_not_found'], one);
      }
    }
    assert.equal((await second.responses.retrieve(id)).status, 'completed');
  });

  it('says clearly when a reader asks for events beyond its end', async () => {
    const { id } = await first.responses.create({ model: 'sim/tokens=3', input: 'Hello' });
    await until(async () => (await stack.streams.requests()) === 0, {
      what: 'the end of the run',
      timeoutMs: PATIENCE_MS,
    });
    for (const client of [first, second]) {
      const error = await failureOf(
        client.responses
          .retrieve(id, { stream: true, starting_after: 999 })
          .then(async (stream) => {
            const events = await all(stream);
            throw new Error(`no error, but ${JSON.stringify(events)}`);
          }),
      );
      assert.match(error.message, /starting_after|after number/);
    }
  });

  it('refuses a starting_after that is no number, or without a stream', async () => {
    const { id } = await first.responses.create({ model: 'sim/tokens=3', input: 'Hello' });
    for (const query of [
      { stream: true, starting_after: -1 },
      { stream: true, starting_after: 1.5 },
      { starting_after: 1 },
    ]) {
      const error = await failureOf(first.responses.retrieve(id, query));
      assert.deepEqual([error.status, error.param], [400, 'starting_after']);
    }
  });
});

leakGuard();
