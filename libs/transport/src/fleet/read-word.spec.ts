import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Msg } from '@nats-io/transport-node';
import { AGENT_CARDS_MAX, AgentProfile, cardOf } from '@switchboard/contract';
import { readWord } from './read-word.ts';

const WORD = {
  v: 1,
  worker: 'w',
  pool: 'default',
  slots: 5,
  busy: 1,
  draining: false,
  served: 0,
  startedAtMs: 1,
};

const message = (data: string, subject = 'fleet.default.abc'): Msg =>
  ({
    subject,
    data: new TextEncoder().encode(data),
    json: () => JSON.parse(data) as unknown,
  }) as unknown as Msg;

it("reads a worker's word, also one with fields that came later", () => {
  const heard = readWord(message(JSON.stringify({ ...WORD, later: 1 })));
  assert.deepEqual(heard, { token: 'abc', word: WORD });
});

it('reads as many agents as a worker may have, at their longest', () => {
  // Six bytes of JSON for each character.
  const description = '\u0001'.repeat(256);
  const agents = Array.from({ length: AGENT_CARDS_MAX }, (_, index) =>
    cardOf(
      AgentProfile.parse({
        name: `${index}`.padStart(256, 'x'),
        description,
        model: 'm',
        deadline: 86_399.123_456_789,
        max_tokens: Number.MAX_SAFE_INTEGER,
      }),
      '\u0001'.repeat(64),
    ),
  );
  const heard = readWord(message(JSON.stringify({ ...WORD, agents })));
  assert.equal(heard?.word.agents?.length, AGENT_CARDS_MAX);
});

it('believes nothing that is not one', () => {
  const bad: readonly [string, string?][] = [
    ['{'],
    ['null'],
    ['[]'],
    [''],
    [JSON.stringify({ ...WORD, v: 2 })],
    [JSON.stringify({ ...WORD, busy: 6 })],
    [JSON.stringify({ ...WORD, busy: -1 })],
    [JSON.stringify({ ...WORD, slots: 0 })],
    [JSON.stringify({ ...WORD, slots: 10_001 })],
    [JSON.stringify({ ...WORD, slots: 1.5 })],
    [JSON.stringify({ ...WORD, serviceMs: -1 })],
    [JSON.stringify({ ...WORD, worker: '' })],
    [JSON.stringify({ ...WORD, worker: 'x'.repeat(257) })],
    [JSON.stringify({ ...WORD, filler: 'x'.repeat(400_000) })],
    [JSON.stringify({ ...WORD, pool: 'other' })],
    [JSON.stringify(WORD), 'fleet.other.abc'],
    [JSON.stringify(WORD), 'fleet.default'],
    [JSON.stringify(WORD), `fleet.default.${'x'.repeat(65)}`],
  ];
  for (const [data, subject] of bad) {
    assert.equal(readWord(message(data, subject)), undefined, `${subject} ${data.slice(0, 80)}`);
  }
});
