import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { splitTurns } from './conversation.ts';
import type { TurnMessage } from './conversation.ts';

const says = (role: string, content: string): TurnMessage => ({ role, content });
const calls = (...ids: string[]): TurnMessage => ({
  role: 'assistant',
  tool_calls: ids.map((id) => ({ id, type: 'function' })),
});
const result = (id: string): TurnMessage => ({ role: 'tool', tool_call_id: id, content: '42' });

function shape(...messages: TurnMessage[]): [number, number[]] {
  const { head, turns } = splitTurns(messages);
  assert.deepEqual([...head, ...turns.flat()], messages);
  return [head.length, turns.map(({ length }) => length)];
}

describe('splitTurns', () => {
  it('begins a turn at each message of the user', () => {
    const [a, b, c] = [says('user', 'a'), says('assistant', 'b'), says('user', 'c')];
    assert.deepEqual(shape(a, b, c), [0, [2, 1]]);
    assert.deepEqual(shape(a, c), [0, [1, 1]]);
    assert.deepEqual(shape(b, a, b), [0, [1, 2]]);
    assert.deepEqual(shape(), [0, []]);
  });

  it('takes the system messages before everything for the head, and later ones for their turn', () => {
    const [system, developer] = [says('system', 's'), says('developer', 'd')];
    const [user, answer] = [says('user', 'a'), says('assistant', 'b')];
    assert.deepEqual(shape(system, developer, user, answer), [2, [2]]);
    assert.deepEqual(shape(system), [1, []]);
    assert.deepEqual(shape(user, answer, system, developer, user), [0, [2, 3]]);
    assert.deepEqual(shape(user, system, answer, user), [0, [3, 1]]);
  });

  it('keeps a call and its results in one turn, also with the user in between', () => {
    const [user, answer] = [says('user', 'a'), says('assistant', 'b')];
    assert.deepEqual(shape(user, calls('x', 'y'), result('x'), result('y'), user), [0, [4, 1]]);
    assert.deepEqual(shape(user, calls('x'), user, result('x'), answer, user), [0, [5, 1]]);
    assert.deepEqual(shape(calls('x'), user, calls('y'), user, result('y'), result('x')), [0, [6]]);
    // A call that has no result holds nothing together.
    assert.deepEqual(shape(user, calls('x'), user), [0, [2, 1]]);
  });

  it('takes a result for that of the last call when ids come again', () => {
    const user = says('user', 'a');
    const turn = [user, calls('x'), result('x')];
    assert.deepEqual(shape(...turn, ...turn), [0, [3, 3]]);
  });

  it('loses nothing, and separates no result from its call', () => {
    const id = fc.constantFrom('x', 'y', 'z');
    const message = fc.oneof(
      fc.constantFrom('system', 'user', 'assistant').map((role) => says(role, role)),
      fc.uniqueArray(id, { minLength: 1 }).map((ids) => calls(...ids)),
      id.map(result),
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 30 }), (messages) => {
        shape(...messages);
        const called = new Map<unknown, number>();
        for (const [number, turn] of splitTurns(messages).turns.entries()) {
          for (const { tool_calls: made, tool_call_id: answered } of turn) {
            for (const call of (made ?? []) as { id: string }[]) called.set(call.id, number);
            if (called.has(answered)) assert.equal(called.get(answered), number);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
