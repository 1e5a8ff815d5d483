import assert from 'node:assert/strict';
import { test } from 'node:test';

import { seededRandom } from '@switchboard/testkit';

import { drawChat } from './chat-plan.ts';

const draw = (seed: number) => {
  const random = seededRandom(seed);
  return Array.from({ length: 2_000 }, (_, index) => drawChat(random, `c${index}`, 'user'));
};

test('a seed draws the same requests again, another seed others', () => {
  assert.deepEqual(draw(1), draw(1));
  assert.notDeepEqual(draw(1), draw(2));
});

test('every kind of trouble, of profile and of leaving comes up', () => {
  const plans = draw(3);
  const faults = ['error=429', 'error=500', 'cut=', 'malformed=', 'stall=', 'hang=', 'times=1'];
  for (const part of [...faults, 'short/', 'impatient/', 'sim/']) {
    assert.ok(
      plans.some(({ model }) => model.includes(part)),
      part,
    );
  }
  assert.ok(plans.some(({ stream }) => stream) && plans.some(({ stream }) => !stream));
  const leaving = plans.flatMap(({ leaveAfterMs }) => leaveAfterMs ?? []);
  assert.ok(leaving.some((ms) => ms < 10) && leaving.some((ms) => ms > 100));
});

test('no two requests have a word of the answer in common', () => {
  const words = draw(4).flatMap(({ text }) => (text === '' ? [] : text.split(' ')));
  assert.equal(new Set(words).size, words.length);
});
