/** What callers see of an agent that uses tools of its own, on whatever gateway they look. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';

import type OpenAI from 'openai';

import { allOf, assertNumbered, idOf, orderOf, textOf } from '../response-events.ts';
import { repeated, TwoGateways } from '../two-gateways.ts';

const agent = (name: string, model: string) => ({ name, model, tools: ['calculator'] });
const AGENTS = [
  { name: 'sim/*', model: '*' },
  agent('sums', 'sim/tool=calculator,args={"expression":"6*7"},tokens=3'),
  agent('nonsense', 'sim/tool=calculator,args={"expression":"what?"},tokens=3'),
  agent('request', 'sim/text=request'),
];

let gateways: TwoGateways;
let first: OpenAI;
let second: OpenAI;

before(async () => {
  gateways = await TwoGateways.start(AGENTS);
  ({ first, second } = gateways);
});
after(async () => await gateways.stop());

it('streams a call as an item, the same at both gateways', async () => {
  const ask = { model: 'sums', input: 'How much is it?', stream: true } as const;
  const events = await allOf(await first.responses.create(ask));
  assertNumbered(events);
  const order = [
    'created queued in_progress output_item.added mcp_call.in_progress',
    'mcp_call_arguments.delta mcp_call_arguments.done mcp_call.completed output_item.done',
    'output_item.added content_part.added output_text.delta',
    'output_text.done content_part.done output_item.done completed',
  ];
  assert.equal(orderOf(events), order.join(' '));
  const id = idOf(events);
  assert.deepEqual(await allOf(await second.responses.retrieve(id, { stream: true })), events);
  const stored = await second.responses.retrieve(id);
  const [call] = stored.output;
  assert.ok(call?.type === 'mcp_call');
  assert.deepEqual(
    [call.server_label, call.name, call.arguments, call.output, call.status],
    ['agent', 'calculator', '{"expression":"6*7"}', '42', 'completed'],
  );
  assert.equal(stored.output_text, textOf(events));
  gateways.assertStandard();
});

it('says of a call that failed why it did, and the answer comes all the same', async () => {
  const response = await first.responses.create({ model: 'nonsense', input: 'How much?' });
  const [call, message] = response.output;
  assert.ok(call?.type === 'mcp_call' && message?.type === 'message');
  assert.deepEqual([call.status, call.output], ['failed', null]);
  assert.match(JSON.stringify(call.error), /mcp_tool_execution_error.*text/);
  assert.equal(response.status, 'completed');
  gateways.assertStandard();
});

it('goes on with what the tools gave, at the other gateway', async () => {
  const { id } = await first.responses.create({ model: 'sums', input: 'How much is it?' });
  const ask = { model: 'request', input: 'And twice?', previous_response_id: id };
  const { messages } = repeated(await second.responses.create(ask));
  assert.deepEqual(
    messages.map(({ role }) => role),
    ['user', 'assistant', 'tool', 'assistant', 'user'],
  );
  assert.equal(messages[2]?.content, '42');
  gateways.assertStandard();
});

it('shows a chat the calls beside the answer, with the tokens of all steps', async () => {
  const messages = [{ role: 'user' as const, content: 'How much is it?' }];
  const ask = { model: 'sums', messages, stream_options: { include_usage: true } };
  const notes: unknown[] = [];
  const streamed = await first.chat.completions
    .stream(ask)
    .on('chunk', (chunk) => {
      if ('switchboard' in chunk) notes.push(chunk.switchboard);
    })
    .finalChatCompletion();
  const plain = await second.chat.completions.create({ model: 'sums', messages });
  assert.ok('switchboard' in plain);
  assert.match(JSON.stringify(plain.switchboard), /"calculator".*"output":"42"/);
  assert.equal(notes.length, 2);
  assert.match(JSON.stringify(notes), /"tool_call".*"calculator".*"tool_result".*"output":"42"/);
  const last = await first.chat.completions.create({
    model: 'sim/tokens=3',
    messages,
  });
  for (const { choices, usage } of [streamed, plain]) {
    assert.equal(choices[0]?.message.content, last.choices[0]?.message.content);
    assert.equal(choices[0]?.message.tool_calls, undefined);
    assert.ok((usage?.completion_tokens ?? 0) > 3, 'those of the call count');
  }
});
