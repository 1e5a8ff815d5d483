import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentOutput } from './agent-output.ts';

const none = () => new AgentOutput('poet', () => assert.fail('no usage'));

test('what is no event is agent_failed, by the agent’s name and without the value', () => {
  for (const bad of [
    1,
    null,
    undefined,
    ['PRIVATE'],
    () => 'PRIVATE',
    {},
    { type: 'PRIVATE' },
    { type: 'text', text: 7 },
    { type: 'text' },
    { type: 'tool_call', id: 'PRIVATE', name: 'look' },
    { type: 'usage', usage: { prompt_tokens: 1 } },
    { type: 'usage', usage: { prompt_tokens: NaN, completion_tokens: 1, total_tokens: 1 } },
    { type: 'usage', usage: { prompt_tokens: 1n, completion_tokens: 1, total_tokens: 1 } },
    { type: 'usage', usage: { prompt_tokens: 1e300, completion_tokens: 1, total_tokens: 1 } },
  ]) {
    assert.throws(
      () => none().take(bad),
      ({ code, message }: Error & { code: string }) => {
        assert.equal(code, 'agent_failed');
        assert.match(message, /^The agent poet /);
        return !message.includes('PRIVATE');
      },
    );
  }
});

test('of a usage its numbers are taken, as they are then, and nothing else', () => {
  const taken: object[] = [];
  const output = new AgentOutput('poet', (usage) => void taken.push(usage));
  const details: Record<string, unknown> = {
    cached_tokens: 2,
    audio_tokens: null,
    note: 'PRIVATE',
  };
  const usage: Record<string, unknown> = {
    prompt_tokens: 5,
    completion_tokens: 0,
    total_tokens: 5,
    prompt_tokens_details: details,
    completion_tokens_details: 'none',
    secret: 'PRIVATE',
    big: 1n,
  };
  usage['self'] = usage;
  details['reasoning_tokens'] = -1;
  output.take({ type: 'usage', usage });
  usage['prompt_tokens'] = 7;
  details['cached_tokens'] = 3;
  output.take({ type: 'usage', usage });
  const rest = { completion_tokens: 0, total_tokens: 5 };
  assert.deepEqual(taken, [
    { prompt_tokens: 5, ...rest, prompt_tokens_details: { cached_tokens: 2 } },
    { prompt_tokens: 7, ...rest, prompt_tokens_details: { cached_tokens: 3 } },
  ]);
});

test('a usage that says another number each time is taken at its first word', () => {
  const taken: object[] = [];
  const output = new AgentOutput('poet', (usage) => void taken.push(usage));
  let asked = 0;
  const usage = {
    get prompt_tokens() {
      return (asked += 1) === 1 ? 1 : NaN;
    },
    completion_tokens: 1,
    total_tokens: 2,
  };
  output.take({ type: 'usage', usage });
  assert.deepEqual(taken, [{ prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }]);
});

test('an answer, a row of outputs and a list of calls have their bounds', () => {
  const limits = { answerChars: 10, outputs: 3 };
  const output = () => new AgentOutput('poet', () => {}, limits);
  const long = output();
  long.take('12345');
  assert.throws(() => long.take({ type: 'reasoning', text: '678901' }), /too long an answer/);
  const many = output();
  for (let count = 0; count < 3; count++) many.take('');
  assert.throws(() => many.take(''), /too often/);
  const calls = none();
  const call = { type: 'tool_call', id: 'a', name: 'look', arguments: '' };
  for (let count = 0; count < 128; count++) calls.take(call);
  assert.throws(() => calls.take(call), /more than 128 tool_calls/);
});

test('the reason of the end is the module’s word where it is one, else what was yielded', () => {
  const output = none();
  assert.equal(output.finishReason(undefined), 'stop');
  assert.equal(output.finishReason({ finishReason: 'length' }), 'length');
  assert.equal(output.finishReason({ finishReason: 'x y' }), 'stop');
  assert.equal(output.finishReason({ finishReason: 7 }), 'stop');
  // An answer of the model with calls of the agent's own tools, returned as it came.
  assert.equal(output.finishReason({ finishReason: 'tool_calls' }), 'stop');
  output.take({ type: 'tool_call', id: 'a', name: 'look', arguments: '{}' });
  assert.equal(output.finishReason(undefined), 'tool_calls');
});
