/** The compliance cases of the Open Responses standard, over HTTP without any SDK. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { leakGuard } from '@switchboard/testkit';

import { DOCUMENT_VARIABLE } from '../open-responses-document.ts';
import { orderOf } from '../response-events.ts';
import { sseEventsIn } from '../sse.ts';
import { Standard } from '../standard.ts';
import { TestStack } from '../test-stack.ts';

interface Item {
  readonly type: string;
  readonly role?: string;
  readonly name?: string;
  readonly arguments?: string;
  readonly call_id?: string;
  readonly content?: readonly { readonly type: string; readonly text: string }[];
}
interface ResponseBody {
  readonly status: string;
  readonly output: readonly Item[];
}
interface Event {
  readonly type: string;
  readonly delta?: string;
  readonly arguments?: string;
  readonly item?: Item;
  readonly response?: ResponseBody;
}

/** A PNG of one pixel. */
const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk' +
  '+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const TOOL = {
  type: 'function',
  name: 'get_weather',
  description: 'The weather of a place.',
  parameters: {
    type: 'object',
    properties: { location: { type: 'string', enum: ['San Francisco, CA'] } },
    required: ['location'],
  },
};
const TOOL_QUESTION = {
  model: 'sim/tool=get_weather,pace=2ms',
  input: [message('user', 'What is the weather like in San Francisco?')],
  tools: [TOOL],
};
/** What each case sends: the model repeats what has reached it, or calls the function. */
const REPEAT = 'sim/text=request';

let stack: TestStack;
let standard: Standard;

before(async () => {
  stack = await TestStack.start();
  standard = await Standard.of(stack.url);
  if (process.env[DOCUMENT_VARIABLE] !== undefined) return;
  process.stdout.write(`not run: Open Responses document (${DOCUMENT_VARIABLE} names none)\n`);
});
after(async () => await stack.stop());

function message(role: string, content: unknown) {
  return { type: 'message', role, content };
}

/** Sends a request; everything in the answer is of the standard. */
async function post(body: object): Promise<{ readonly type: string; readonly text: string }> {
  const response = await fetch(`${stack.url}/v1/responses`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer key' },
    body: JSON.stringify(body),
  });
  const [text, type] = [await response.text(), response.headers.get('content-type') ?? ''];
  assert.equal(response.status, 200, text);
  const streamed = type.startsWith('text/event-stream');
  assert.deepEqual(standard.problemsOf({ text, streamed }), []);
  return { text, type };
}

async function answerTo(body: object): Promise<ResponseBody> {
  const { text, type } = await post(body);
  assert.match(type, /^application\/json/);
  const response = JSON.parse(text) as ResponseBody;
  assert.equal(response.status, 'completed');
  return response;
}

async function eventsOf(body: object): Promise<readonly Event[]> {
  const { text, type } = await post({ ...body, stream: true });
  assert.match(type, /^text\/event-stream/);
  const data = sseEventsIn(text).map((event) => event.data);
  assert.equal(data.pop(), '[DONE]');
  const events = data.map((event) => JSON.parse(event) as Event);
  assert.equal(events.at(-1)?.response?.status, 'completed');
  return events;
}

function textOf({ output }: ResponseBody): string {
  const [item, ...others] = output;
  assert.deepEqual([item?.type, item?.role, others.length], ['message', 'assistant', 0]);
  return (item?.content ?? []).map(({ text }) => text).join('');
}

/** The messages that have reached the model. */
async function seenBy(input: readonly object[]): Promise<readonly unknown[]> {
  const text = textOf(await answerTo({ model: REPEAT, input }));
  return (JSON.parse(text) as { messages: readonly unknown[] }).messages;
}

describe('Open Responses: its compliance cases', () => {
  it('a plain text request has a message as its answer', async () => {
    const input = [message('user', 'Say hello in exactly three words.')];
    assert.equal(
      textOf(await answerTo({ model: 'sim/text=echo', input })),
      'Say hello in exactly three words.',
    );
  });

  it('a streamed request has its events in order, the text in pieces and whole', async () => {
    const events = await eventsOf({
      model: 'sim/text=echo,pace=2ms',
      input: [message('user', 'Count from one to five.')],
    });
    const order = [
      'created queued in_progress output_item.added content_part.added output_text.delta',
      'output_text.done content_part.done output_item.done completed',
    ];
    assert.equal(orderOf(events), order.join(' '));
    const deltas = events.filter(({ type }) => type === 'response.output_text.delta');
    assert.ok(deltas.length > 1);
    assert.equal(deltas.map(({ delta }) => delta).join(''), 'Count from one to five.');
  });

  it('a system message in the input reaches the model, before what is asked', async () => {
    const seen = await seenBy([
      message('system', 'You are a pirate.'),
      message('user', 'Say hello.'),
    ]);
    assert.deepEqual(seen, [
      { role: 'system', content: 'You are a pirate.' },
      { role: 'user', content: 'Say hello.' },
    ]);
  });

  it('a function of the caller comes back as a function_call', async () => {
    const { output } = await answerTo(TOOL_QUESTION);
    const [call, ...others] = output;
    assert.deepEqual([call?.type, call?.name, others.length], ['function_call', TOOL.name, 0]);
    assert.deepEqual(JSON.parse(call?.arguments ?? ''), { location: 'San Francisco, CA' });
    assert.match(call?.call_id ?? '', /./);
  });

  it('a function of the caller is streamed as one item with its arguments in pieces', async () => {
    const events = await eventsOf(TOOL_QUESTION);
    const order = [
      'created queued in_progress output_item.added function_call_arguments.delta',
      'function_call_arguments.done output_item.done completed',
    ];
    assert.equal(orderOf(events), order.join(' '));
    const deltas = events.filter(({ type }) => type === 'response.function_call_arguments.delta');
    const [done] = events.filter(({ type }) => type === 'response.function_call_arguments.done');
    assert.ok(deltas.length > 1);
    assert.equal(deltas.map(({ delta }) => delta).join(''), done?.arguments);
    const [item] = events.filter(({ type }) => type === 'response.output_item.done');
    assert.deepEqual(events.at(-1)?.response?.output, [item?.item]);
  });

  it('an image as a data URL reaches the model', async () => {
    const seen = await seenBy([
      message('user', [
        { type: 'input_text', text: 'What do you see in this image?' },
        { type: 'input_image', image_url: PIXEL },
      ]),
    ]);
    assert.match(JSON.stringify(seen), /What do you see in this image\?/);
    assert.ok(JSON.stringify(seen).includes(JSON.stringify(PIXEL)));
  });

  it('a conversation as input items reaches the model, turn by turn', async () => {
    const turns = [
      { role: 'user', content: 'My name is Alice.' },
      { role: 'assistant', content: 'Hello Alice! How can I help you?' },
      { role: 'user', content: 'What is my name?' },
    ];
    const seen = await seenBy(turns.map(({ role, content }) => message(role, content)));
    assert.deepEqual(seen, turns);
  });
});

leakGuard();
