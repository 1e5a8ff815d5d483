import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERROR_LENGTH_MAX, toolOutput } from './tool-output.ts';

const text = (value: string) => ({ type: 'text', text: value });

test('an error is bounded, and is told also when the tool says nothing', () => {
  const failed = { isError: true, content: [text('x'.repeat(100_000))] };
  assert.throws(
    () => toolOutput(failed),
    ({ name, message }: Error) => name === 'ToolError' && message.length === ERROR_LENGTH_MAX + 1,
  );
  assert.throws(() => toolOutput({ isError: true }), /does not say why/);
});

test('structured content is given once, though servers repeat it as text', () => {
  const structuredContent = { degrees: 21 };
  const repeated = text('{ "degrees": 21 }');
  assert.equal(toolOutput({ content: [repeated], structuredContent }), '{ "degrees": 21 }');
  const summary = text('{warm}');
  assert.equal(toolOutput({ content: [summary], structuredContent }), '{warm}\n{"degrees":21}');
  assert.equal(toolOutput({ structuredContent }), '{"degrees":21}');
  assert.equal(toolOutput({}), '');
});

test('what is no text is named with its size, and never passed on', () => {
  const data = 'A'.repeat(4_000_000);
  assert.equal(toolOutput({ content: [{ type: 'audio', data }] }), '[audio, 3 MB]');
  const resource = { uri: 'file:///a', blob: 'AAAA' };
  assert.equal(
    toolOutput({ content: [{ type: 'resource', resource }] }),
    '[resource, 3 B, file:///a]',
  );
});
