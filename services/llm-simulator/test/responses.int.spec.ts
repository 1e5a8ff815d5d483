import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { simulated, until, type Call, type SimulatorClient } from './client.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Sends a request for a response. */
function respond(client: SimulatorClient, asked: Fields = {}): Call {
  const body = JSON.stringify({ model: 'tokens=3', input: 'Hello there', ...asked });
  return client.send('POST', '/v1/responses', body, { 'x-request-id': 'r' });
}

function parsed(text: string): Fields {
  const value: Fields = JSON.parse(text);
  return value;
}

/** The events of a stream, each with the same type in both of its lines. */
function eventsOf(body: string): readonly Fields[] {
  return body
    .split('\n\n')
    .filter((text) => text !== '')
    .map((text, index) => {
      const [, type, data] = /^event: (.+)\ndata: (.+)$/.exec(text) ?? [];
      const event = parsed(data ?? '');
      assert.equal(event['type'], type);
      assert.equal(event['sequence_number'], index);
      return event;
    });
}

const typesOf = (events: readonly Fields[]) => events.map(({ type }) => type);
const deltas = (events: readonly Fields[], type: string) =>
  events.filter((event) => event['type'] === type).map(({ delta }) => delta);

const FUNCTION = { type: 'function', name: 'weather', parameters: {}, strict: false };

describe('a response', () => {
  it('streams its item, each token, and itself as a whole', async (context) => {
    const client = await simulated(context);
    const { status, body } = await respond(client, { model: 'text=echo', stream: true }).reply;
    assert.equal(status, 200);
    const events = eventsOf(body);
    assert.deepEqual(typesOf(events), [
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.output_item.done',
      'response.completed',
    ]);
    assert.equal(deltas(events, 'response.output_text.delta').join(''), 'Hello there');
  });

  it('comes in one piece when it is not streamed, and is what the stream ends with', async (context) => {
    const client = await simulated(context);
    const whole = parsed((await respond(client).reply).body);
    assert.deepEqual([whole['object'], whole['status']], ['response', 'completed']);
    const streamed = eventsOf((await respond(client, { stream: true }).reply).body).at(-1);
    const response = streamed?.['response'] as Fields;
    const said = ({ output, status }: Fields) =>
      JSON.stringify({ output, status }).replaceAll(/"id":"[a-z]+_\d+"/g, '');
    assert.equal(said(response), said(whole));
  });

  it('reasons first, in an item of its own', async (context) => {
    const client = await simulated(context);
    const model = 'reasoning=2,tokens=1';
    const { body } = await respond(client, { model, stream: true }).reply;
    const events = eventsOf(body);
    assert.equal(deltas(events, 'response.reasoning_text.delta').join(''), 'Lorem ipsum');
    assert.deepEqual(typesOf(events).slice(2, 7), [
      'response.output_item.added',
      'response.reasoning_text.delta',
      'response.reasoning_text.delta',
      'response.output_item.done',
      'response.output_item.added',
    ]);
  });

  it('calls a function of the request, and answers in words after its result', async (context) => {
    const client = await simulated(context);
    const asked = { model: 'tool=weather,args={"city":"Oslo"}', tools: [FUNCTION], stream: true };
    const events = eventsOf((await respond(client, asked).reply).body);
    const all = deltas(events, 'response.function_call_arguments.delta').join('');
    assert.equal(all, '{"city":"Oslo"}');
    const done = events.find(({ type }) => type === 'response.output_item.done');
    const call = done?.['item'] as Fields;
    assert.deepEqual([call['type'], call['name']], ['function_call', 'weather']);
    const output = { type: 'function_call_output', call_id: call['call_id'], output: 'rain' };
    const input = [{ role: 'user', content: 'Weather?' }, call, output];
    const after = eventsOf((await respond(client, { ...asked, input }).reply).body);
    assert.ok(typesOf(after).includes('response.output_text.delta'));
  });

  it('is incomplete at max_output_tokens', async (context) => {
    const client = await simulated(context);
    const { body } = await respond(client, { model: 'tokens=9', max_output_tokens: 3 }).reply;
    const { status, incomplete_details: details, usage } = parsed(body);
    assert.deepEqual([status, details], ['incomplete', { reason: 'max_output_tokens' }]);
    assert.equal((usage as Fields)['output_tokens'], 3);
  });

  it('counts what parts arrived, and takes instructions for a message', async (context) => {
    const client = await simulated(context);
    const content = [
      { type: 'input_text', text: 'Look.' },
      { type: 'input_image', image_url: 'data:image/png;base64,' },
    ];
    const input = [{ role: 'user', content }];
    const asked = { model: 'text=parts', instructions: 'Be short.', input, stream: true };
    const events = eventsOf((await respond(client, asked).reply).body);
    const counts = parsed(deltas(events, 'response.output_text.delta').join(''));
    assert.deepEqual([counts['messages'], counts['texts'], counts['images']], [2, 2, 1]);
  });

  it('is a 400 that names the parameter when the body is bad', async (context) => {
    const client = await simulated(context);
    for (const [sent, param] of [
      ['{', null],
      ['[]', null],
      ['{"input":"x"}', 'model'],
      ['{"model":"m"}', 'input'],
      ['{"model":"m","input":[]}', 'input'],
    ] as const) {
      const { status, body } = await client.send('POST', '/v1/responses', sent).reply;
      assert.equal(status, 400);
      assert.equal((parsed(body)['error'] as Fields)['param'], param);
    }
  });
});

describe('a fault of a response', () => {
  it('with an error status is as in chat completions', async (context) => {
    const client = await simulated(context);
    for (const stream of [true, false]) {
      const reply = await respond(client, { model: 'error=429,retry_after=2', stream }).reply;
      assert.deepEqual([reply.status, reply.headers['retry-after']], [429, '2']);
    }
  });

  it('error_chunk is an event of its own, or a failed response', async (context) => {
    const client = await simulated(context);
    const streamed = (await respond(client, { model: 'error_chunk=1', stream: true }).reply).body;
    const last = eventsOf(streamed).at(-1);
    assert.deepEqual([last?.['type'], last?.['code']], ['error', 'server_error']);
    const { status, error } = parsed(
      (await respond(client, { model: 'error_chunk=1' }).reply).body,
    );
    assert.deepEqual([status, (error as Fields)['code']], ['failed', 'server_error']);
  });

  it('malformed, cut and stall strike after their tokens', async (context) => {
    const client = await simulated(context);
    const model = (fault: string) => ({ model: `tokens=5,${fault}`, stream: true });
    const malformed = await respond(client, model('malformed=2')).reply;
    assert.throws(() => eventsOf(malformed.body), SyntaxError);
    const cut = await respond(client, model('cut=2')).reply;
    assert.equal(cut.broken, true);
    assert.equal(deltas(eventsOf(cut.body), 'response.output_text.delta').length, 2);
    const stalled = respond(client, model('stall=2'));
    await until(() => stalled.received().split('output_text.delta').length > 4);
    stalled.leave();
    await until(async () => (await client.stats()).aborted === 1);
  });
});
