import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { assert as assertProperty, property, string } from 'fast-check';

import { readChatRequest } from './chat-request.ts';
import { pieces, textTokens } from './token-text.ts';

function asking(content: unknown): ReturnType<typeof readChatRequest> {
  return readChatRequest(JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] }));
}

describe('the tokens of a text', () => {
  it('are the text to the letter when joined', () => {
    assertProperty(
      property(string({ unit: 'grapheme' }), (text) => {
        assert.equal(pieces(text).join(''), text);
      }),
      { verbose: true },
    );
  });

  it('fill the default of 40 exactly with a text that says it is a simulator', () => {
    const tokens = textTokens('chat', asking('hi'), undefined);
    assert.equal(tokens.length, 40);
    assert.match(tokens.join(''), /simulator/);
  });

  it('are repeated or cut to the number asked for', () => {
    const one = asking('one two');
    assert.equal(textTokens('echo', one, 5).join(''), 'one two one two one');
    assert.equal(textTokens('echo', one, 1).join(''), 'one');
    assert.equal(textTokens('lorem', one, 500).length, 500);
    assert.equal(textTokens('echo', asking(''), 3).length, 3);
  });

  it('echo the text parts of a message and leave its images', () => {
    const image = { type: 'image_url', image_url: { url: 'data:,' } };
    const request = asking([{ type: 'text', text: 'look here' }, image]);
    assert.equal(textTokens('echo', request, undefined).join(''), 'look here');
  });
});
