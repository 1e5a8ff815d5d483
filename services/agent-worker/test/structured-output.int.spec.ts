import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { IsolatedChecker } from '../src/structured/isolated-checker.ts';
import { IsolatedTools } from '../src/tools/isolated-tools.ts';
import { partsOf, textOf, toolOf } from './own-tools.ts';
import { codeOf, collect, startRig } from './worker-rig.ts';
import type { Rig } from './worker-rig.ts';

const threads = new IsolatedTools({ threads: 1, memoryMib: 64 });
const ping = toolOf('ping', () => Promise.resolve('pong'));
let rig: Rig;

before(async () => {
  const parts = { ...partsOf([ping]), checker: new IsolatedChecker(threads) };
  rig = await startRig({ tools: ['ping'] }, 10, parts);
});
after(async () => {
  await rig.close();
  await threads.close();
});

/** `text=echo` makes the model say what the user said. */
function asking(content: string, schema: object, strict: boolean | null = true): object {
  const json_schema = { name: 'answer', schema, ...(strict === null ? {} : { strict }) };
  return {
    messages: [{ role: 'user', content }],
    response_format: { type: 'json_schema', json_schema },
  };
}

const CITY = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};

test('an answer that fits its strict schema completes, streamed or not', async () => {
  for (const stream of [true, false]) {
    const chat = { ...asking('{"city":"Rome"}', CITY) };
    const events = await collect(rig.run('text=echo', { stream, chat }));
    assert.equal(events.at(-1)?.type, 'completed');
    assert.equal(textOf(events), '{"city":"Rome"}');
  }
});

for (const [what, content] of [
  ['is no JSON', 'Rome, of course.'],
  ['is of another type', '{"city":7}'],
  ['has a field too many', '{"city":"Rome","secret":"4711"}'],
  ['has none', '{}'],
] as const) {
  test(`an answer that ${what} fails, without a word of it in the message`, async () => {
    const chat = { ...asking(content, CITY) };
    const outcome = collect(rig.run('text=echo', { chat }));
    await assert.rejects(outcome, (error: Error & { code?: string }) => {
      assert.equal(error.code, 'invalid_structured_output');
      assert.doesNotMatch(error.message, /4711|Rome/);
      return true;
    });
  });
}

test('a schema that nobody can use is told as such', async () => {
  for (const schema of [{ type: 'nonsense' }, { $ref: 'https://example.com/schema.json' }]) {
    const chat = { ...asking('{}', schema) };
    await assert.rejects(collect(rig.run('text=echo', { chat })), /schema itself cannot be used/);
  }
});

test('a schema that is not strict is a wish, and so is a plain JSON object', async () => {
  for (const chat of [
    { ...asking('Rome', CITY, false) },
    { ...asking('Rome', CITY, null) },
    { response_format: { type: 'json_object' } },
  ]) {
    const events = await collect(rig.run('text=echo', { chat }));
    assert.equal(events.at(-1)?.type, 'completed');
  }
});

test('an answer that is cut, or calls a tool of the caller, is not checked', async () => {
  const tool = { type: 'function', function: { name: 'weather' } };
  const chat = { ...asking('{"city":', CITY), tools: [tool] };
  for (const script of ['text=echo,finish=length', 'tool=weather']) {
    const events = await collect(rig.run(script, { chat }));
    assert.equal(events.at(-1)?.type, 'completed', script);
  }
});

test('with own tools only the last step is held against the schema, and only it is shown', async () => {
  const chat = { ...asking('{"city":"Rome"}', CITY) };
  const events = await collect(rig.run('tool=ping,text=echo', { chat }));
  assert.equal(textOf(events), '{"city":"Rome"}');
  assert.equal(events.filter(({ type }) => type === 'tool.result').length, 1);
});

test('a schema that takes for ever ends neither worker nor check', async () => {
  const schema = { type: 'string', pattern: '^(a+)+$' };
  const chat = { ...asking(JSON.stringify(`${'a'.repeat(40)}!`), schema) };
  assert.equal(await codeOf(rig.run('text=echo', { chat })), 'invalid_structured_output');
  const next = await collect(rig.run('text=echo', { chat: { ...asking('"aa"', schema) } }));
  assert.equal(next.at(-1)?.type, 'completed');
});

test('an answer that waits behind such a schema is checked, with all the time there is', async () => {
  const checker = new IsolatedChecker(threads);
  const schema = { type: 'string', pattern: '^(a+)+$' };
  const never = new AbortController().signal;
  const outcomes = await Promise.all([
    checker.check(schema, JSON.stringify(`${'a'.repeat(40)}!`), never),
    checker.check(schema, '"aa"', never),
  ]);
  assert.deepEqual(outcomes, ['it could not be checked in time', undefined]);
});

test('an answer that fails a schema with $async fails, and no other run with it', async () => {
  const chat = { ...asking('{"city":7}', { $async: true, ...CITY }) };
  assert.equal(await codeOf(rig.run('text=echo', { chat })), 'invalid_structured_output');
  const fits = { ...asking('{"city":"Rome"}', CITY) };
  const next = await collect(rig.run('text=echo', { chat: fits }));
  assert.equal(next.at(-1)?.type, 'completed');
});

test('the usage of a refused answer is told before its failure', async () => {
  const seen: string[] = [];
  await assert.rejects(async () => {
    const chat = { ...asking('Rome', CITY) };
    for await (const { type } of rig.run('text=echo', { chat })) seen.push(type);
  });
  assert.equal(seen.at(-1), 'usage');
});
