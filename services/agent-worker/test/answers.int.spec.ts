import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { collect, startRig } from './worker-rig.ts';
import type { Rig } from './worker-rig.ts';

let rig: Rig;
before(async () => {
  rig = await startRig({ instructions: 'Be brief.' });
});
after(() => rig.close());

const text = (events: readonly { type: string; text?: string }[]): string =>
  events.map((event) => (event.type === 'text.delta' ? event.text : '')).join('');

test('a stream and a whole answer of one script say the same', async () => {
  const streamed = await collect(rig.run('tokens=8,reasoning=3'));
  const whole = await collect(rig.run('tokens=8,reasoning=3', { stream: false }));
  assert.equal(streamed.filter((event) => event.type === 'text.delta').length, 8);
  assert.equal(whole.filter((event) => event.type === 'text.delta').length, 1);
  assert.equal(text(streamed), text(whole));
  assert.deepEqual(streamed.at(-1), whole.at(-1));
});

test('a run ends with its usage and then its only end', async () => {
  const events = await collect(rig.run('tokens=3'));
  const types = events.map((event) => event.type);
  assert.deepEqual(types, ['text.delta', 'text.delta', 'text.delta', 'usage', 'completed']);
});

test('the provider sees the instructions, the history, the model and the parameters', async () => {
  const chat = { temperature: 0.5, user: 'u-1', max_completion_tokens: 9_999 };
  const sent: unknown = JSON.parse(text(await collect(rig.run('text=request', { chat }))));
  assert.deepEqual(sent, {
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'hello' },
    ],
    ...chat,
    stream_options: { include_usage: true },
    model: 'text=request',
    stream: true,
  });
});

test('a tool call comes through in both shapes', async () => {
  const tools = [{ type: 'function', function: { name: 'weather', parameters: {} } }];
  for (const stream of [true, false]) {
    const events = await collect(rig.run('tool=weather', { stream, chat: { tools } }));
    const calls = events.filter((event) => event.type === 'tool.call');
    assert.equal(calls[0]?.name, 'weather');
    assert.doesNotThrow(() => JSON.parse(calls.map((call) => call.arguments ?? '').join('')));
    const end = events.at(-1);
    assert.equal(end?.type === 'completed' && end.finishReason, 'tool_calls');
  }
});

test('the request id of the run is the request id at the provider', async () => {
  await collect(rig.run('tokens=1', { requestId: 'request-to-find' }));
  assert.equal((await rig.records('request-to-find')).length, 1);
});
