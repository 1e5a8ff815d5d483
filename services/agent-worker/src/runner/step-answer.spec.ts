import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunEvent } from '@switchboard/contract';
import { ARGUMENTS_CHARS_MAX } from '../tools/tool-input.ts';
import { StepAnswer } from './step-answer.ts';

const word = (text: string): RunEvent => ({ type: 'text.delta', text });
const begin = (index: number, name: string): RunEvent => {
  return { type: 'tool.call', index, id: `id-${index}`, name, arguments: '' };
};
const go = (index: number, json: string): RunEvent => {
  return { type: 'tool.call', index, arguments: json };
};

function taken(
  events: readonly RunEvent[],
  holdText = false,
): { readonly step: StepAnswer; readonly shown: RunEvent[] } {
  const step = new StepAnswer({ callerTools: new Set(['weather', 'news']), holdText });
  const shown: RunEvent[] = [];
  for (const event of events) step.take(event, shown);
  return { step, shown };
}

test("the caller's calls are numbered without the agent's own, piece by piece", () => {
  const { step, shown } = taken([
    begin(0, 'clock'),
    begin(1, 'weather'),
    go(0, '{"a"'),
    go(1, '{"b"'),
    begin(2, 'news'),
    go(0, ':1}'),
    go(2, '{}'),
    go(1, ':2}'),
  ]);
  assert.deepEqual(shown, [
    { type: 'tool.call', index: 0, id: 'id-1', name: 'weather', arguments: '' },
    { type: 'tool.call', index: 0, arguments: '{"b"' },
    { type: 'tool.call', index: 1, id: 'id-2', name: 'news', arguments: '' },
    { type: 'tool.call', index: 1, arguments: '{}' },
    { type: 'tool.call', index: 0, arguments: ':2}' },
  ]);
  assert.equal(step.callsCaller, true);
  assert.deepEqual(
    step.ownCalls.map(({ id, name, arguments: json }) => [id, name, json]),
    [['id-0', 'clock', '{"a":1}']],
  );
});

test('a name that comes late, and one that is nobody’s, lose nothing', () => {
  const { step, shown } = taken([
    go(0, '{"b"'),
    { type: 'tool.call', index: 0, name: 'weather', arguments: ':2}' },
    begin(1, 'nobody'),
  ]);
  assert.deepEqual(shown, [{ type: 'tool.call', index: 0, name: 'weather', arguments: '{"b":2}' }]);
  assert.deepEqual(
    step.ownCalls.map(({ name }) => name),
    ['nobody'],
  );
});

test('arguments without an end are not gathered without an end', () => {
  const piece = 'x'.repeat(10_000);
  const { step } = taken([begin(0, 'clock'), ...Array.from({ length: 100 }, () => go(0, piece))]);
  const [call] = step.ownCalls;
  assert.ok(call !== undefined && call.arguments.length > ARGUMENTS_CHARS_MAX);
  assert.ok(call.arguments.length <= ARGUMENTS_CHARS_MAX + piece.length);
});

test('an answer that calls hundreds of tools is none', () => {
  const calls = Array.from({ length: 200 }, (_, index) => begin(index, 'clock'));
  assert.throws(() => taken(calls), { code: 'provider_bad_response' });
});

test('text that is held is shown with the answer, and dropped with a step', () => {
  const events = [word('a'), begin(0, 'weather'), word('b')];
  for (const withText of [true, false]) {
    const { step, shown } = taken(events, true);
    assert.deepEqual([shown, step.text], [[], 'ab']);
    step.release(shown, withText);
    const types = withText ? ['text.delta', 'tool.call', 'text.delta'] : ['tool.call'];
    assert.deepEqual(
      shown.map(({ type }) => type),
      types,
    );
  }
});

test('text that is held is bounded; what is not held is only not remembered', () => {
  const flood = Array.from({ length: 20 }, () => word('x'.repeat(100_000)));
  assert.throws(() => taken(flood, true), { code: 'provider_bad_response' });
  const { step, shown } = taken(flood);
  assert.equal(shown.length, 20);
  assert.ok(step.text.length < 1_200_000);
});
