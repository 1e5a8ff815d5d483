import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costOf } from './cost.ts';

const usage = (cached?: unknown) => ({
  prompt_tokens: 1_000_000,
  completion_tokens: 500_000,
  total_tokens: 1_500_000,
  ...(cached === undefined ? {} : { prompt_tokens_details: { cached_tokens: cached } }),
});

test('input and output have their prices for a million tokens', () => {
  assert.equal(costOf({ input: 2, output: 8 }, usage()), 2 + 4);
});

test('cached input has its own price, or that of input', () => {
  assert.equal(costOf({ input: 2, output: 8, cached_input: 0.5 }, usage(400_000)), 1.2 + 0.2 + 4);
  assert.equal(costOf({ input: 2, output: 8 }, usage(400_000)), 2 + 4);
});

test('what a provider says of its cache cannot make a call cheaper than free', () => {
  const price = { input: 2, output: 0, cached_input: 0 };
  assert.equal(costOf(price, usage(9_000_000)), 0);
  assert.equal(costOf(price, usage(-1)), 2);
  assert.equal(costOf(price, usage('many')), 2);
  assert.equal(costOf(price, { ...usage(), prompt_tokens_details: null }), 2);
});
