import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MESSAGE_LENGTH_MAX, safeMessage } from './safe-message.ts';

test('a plain message stays as it is', () => {
  const text = "Invalid 'messages[0].content': see https://example.com/docs?a=1 for help.";
  assert.equal(safeMessage(text, ['secret-key', 'model.internal:8000']), text);
});

test('keys, credentials and the endpoint itself are taken out', () => {
  const text =
    'Incorrect API key provided: sk-proj-abcd**********wxyz, not my-own-key, in ' +
    'http://user:pass@model.internal:8000/v1 with Bearer abc.def';
  const safe = safeMessage(text, ['my-own-key', 'model.internal:8000']);
  for (const secret of [
    'sk-proj',
    'wxyz',
    'my-own-key',
    'user',
    'pass',
    'model.internal',
    'abc.def',
  ])
    assert.equal(safe.includes(secret), false, `${secret} in: ${safe}`);
});

test('a message is one line of at most five hundred characters', () => {
  const safe = safeMessage(`first\nsecond\u0000\u001b[31m ${'x'.repeat(10_000)}`, []);
  assert.equal(safe.length, MESSAGE_LENGTH_MAX);
  assert.equal(safe.startsWith('first second [31m x'), true);
  assert.equal(safe.endsWith('…'), true);
});

test('an empty secret takes nothing out', () => {
  assert.equal(safeMessage('abc', ['']), 'abc');
});
