/** What is said in responses and kept of them at two gateways, with the official Node SDK. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';

import type OpenAI from 'openai';
import { leakGuard } from '@switchboard/testkit';

import { allOf } from '../response-events.ts';
import { failureOf } from '../sdk-client.ts';
import { TwoGateways, repeated } from '../two-gateways.ts';

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
let gateways: TwoGateways;
let first: OpenAI;
let second: OpenAI;

before(async () => {
  gateways = await TwoGateways.start();
  ({ first, second } = gateways);
});
after(async () => await gateways.stop());
afterEach(() => gateways.assertStandard());

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
    await gateways.ended(first, failing.id);
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
    const stranger = gateways.client(gateways.stack.url, 'another-key');
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
    await gateways.stack.queueEmpty();
    for (const client of [first, second]) {
      const error = await failureOf(
        client.responses
          .retrieve(id, { stream: true, starting_after: 999 })
          .then(async (stream) => {
            const events = await allOf(stream);
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
