import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunEvent } from '@switchboard/contract';
import { CallMeter } from './call-meter.ts';
import { promptTokens } from './token-estimate.ts';

const BODY = { model: 'm', stream: true, messages: [{ role: 'user', content: 'hello' }] };
const SAID = { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 };
const text = (content: string): RunEvent => ({ type: 'text.delta', text: content });

function used(meter: CallMeter): readonly unknown[] {
  const { usage, estimated } = meter.used() ?? {};
  return [usage?.prompt_tokens, usage?.completion_tokens, estimated];
}

test('what was never sent, or was refused, has used nothing', () => {
  const meter = new CallMeter(BODY);
  assert.equal(meter.used(), undefined);
  meter.sent();
  meter.refused();
  assert.equal(meter.used(), undefined);
});

test('what the provider says counts, and is taken out of the events', () => {
  const meter = new CallMeter(BODY);
  meter.sent();
  const before: RunEvent = { type: 'usage', usage: { ...SAID, total_tokens: 1 } };
  const events: RunEvent[] = [before, text('a'), { type: 'usage', usage: SAID }, text('b')];
  meter.take(events, 1);
  assert.deepEqual(events, [before, text('a'), text('b')]);
  assert.deepEqual(meter.used(), { usage: SAID });
});

test('before that the prompt is estimated, and each piece is a token', () => {
  const meter = new CallMeter(BODY);
  meter.sent();
  assert.deepEqual(used(meter), [6, 0, true]);
  const call: RunEvent = { type: 'tool.call', index: 0, id: 'c', name: 'f', arguments: '' };
  meter.take([{ type: 'reasoning.delta', text: 'Hm' }, text('a'), call], 0);
  meter.take([{ type: 'started', worker: 'w' }], 0);
  assert.deepEqual(used(meter), [6, 3, true]);
});

test('a long piece is more than one token', () => {
  const meter = new CallMeter(BODY);
  meter.sent();
  meter.take([text('x'.repeat(800))], 0);
  assert.deepEqual(used(meter), [6, 100, true]);
});

test('an answer in one piece is estimated by its length', () => {
  const meter = new CallMeter({ ...BODY, stream: false });
  meter.sent();
  meter.take([text('x'.repeat(800))], 0);
  assert.deepEqual(used(meter), [6, 200, true]);
});

test('a prompt is a quarter of its characters, whatever else is in it', () => {
  const messages = [
    { role: 'system', content: 'x'.repeat(400) },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'x'.repeat(40) },
        {
          type: 'image_url',
          image_url: { url: `data:image/png;base64,${'A'.repeat(10_000_000)}` },
        },
      ],
    },
    { role: 'assistant', content: null, tool_calls: [{ id: 'c' }] },
    null,
    'nonsense',
  ];
  const tools = [{ type: 'function' }];
  const calls = Math.ceil(JSON.stringify([{ id: 'c' }]).length / 4);
  const declared = Math.ceil(JSON.stringify(tools).length / 4);
  const tokens = promptTokens({ model: 'm', stream: true, messages, tools });
  assert.equal(tokens, 100 + 10 + 765 + calls + declared + 5 * 4);
});
