import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_OUTPUT_TOKENS, estimateTokens } from './token-estimate.ts';

describe('the estimate of tokens', () => {
  it('is a quarter of the bytes of all text, rounded up, and the longest answer', () => {
    const messages = [
      { role: 'user', content: 'x'.repeat(396) },
      { role: 'u', content: [{ type: 'text', text: 'é'.repeat(4) }] },
    ];
    // 4 + 396 + 1 + 4 + 8 bytes.
    assert.equal(estimateTokens(messages, 100), Math.ceil(413 / 4) + 100);
  });

  it('counts an answer without a bound as the default', () => {
    assert.equal(estimateTokens([]), DEFAULT_OUTPUT_TOKENS);
    assert.equal(estimateTokens([], 0), 0);
  });

  it('does not count the bytes of an image as text', () => {
    const image = { url: `data:image/png;base64,${'A'.repeat(4_000_000)}` };
    assert.equal(estimateTokens([{ image_url: image }], 0), 1_000);
  });

  it('reads what is nested deeper than the stack', () => {
    let nested: unknown = 'four';
    for (let depth = 0; depth < 200_000; depth++) nested = [nested];
    assert.equal(estimateTokens(nested, 0), 1);
  });
});
