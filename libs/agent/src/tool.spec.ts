import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { isToolError } from './errors.ts';
import { defineTool, isTool, parametersOf, readInput } from './tool.ts';

const fields = {
  name: 'weather',
  description: 'The weather of a city.',
  input: z.object({ city: z.string().max(5), days: z.number().default(1) }),
  run: () => '',
};

test('a definition that no model could call is refused, and says which', () => {
  const refused = (over: object, message: RegExp): void => {
    assert.throws(() => defineTool({ ...fields, ...over }), { name: 'TypeError', message });
  };
  refused({ name: 'two words' }, /two words: `name` must be letters/);
  refused({ name: undefined }, /^defineTool: `name`/);
  refused({ name: 'x'.repeat(65) }, /at most 64/);
  refused({ description: '' }, /weather: `description`/);
  refused({ run: 'later' }, /weather: `run`/);
  refused({ timeout: 0 }, /weather: `timeout`/);
  refused({ timeout: '5s' }, /weather: `timeout`/);
  refused({ input: { type: 'object' } }, /weather: `input` must be a schema of Zod/);
  refused({ input: z.string() }, /weather: `input` must be the schema of an object/);
});

test('the model reads what it may send, defaults left out being allowed', () => {
  const tool = defineTool(fields);
  assert.deepEqual(parametersOf(tool), {
    type: 'object',
    properties: {
      city: { type: 'string', maxLength: 5 },
      days: { default: 1, type: 'number' },
    },
    required: ['city'],
  });
});

test('what the schema refuses is told in words for the model, by field', async () => {
  const tool = defineTool(fields);
  assert.deepEqual(await readInput(tool, { city: 'Rome' }), { city: 'Rome', days: 1 });
  await assert.rejects(readInput(tool, { city: 'Jerusalem', days: 'two' }), (thrown) => {
    assert.ok(isToolError(thrown));
    assert.match(thrown.message, /^Wrong arguments: city: .*; days: /);
    return true;
  });
});

test('only what defineTool gave is a tool, whichever copy of the package gave it', () => {
  const tool = defineTool(fields);
  assert.equal(isTool(tool), true);
  assert.equal(isTool({ ...tool }), false);
  assert.equal(isTool(fields), false);
  assert.equal(isTool(undefined), false);
  const foreign = Object.defineProperty({}, Symbol.for('switchboard.tool'), { value: 1 });
  assert.equal(isTool(foreign), true);
  assert.throws(() => Object.assign(tool, { name: 'other' }), TypeError);
});
