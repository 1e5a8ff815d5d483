import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { until } from '@switchboard/testkit';
import { ModuleStage, collect } from '../../test/module-stage.ts';
import { OWN_TOOLS, ToolError } from '../tools/tool.ts';
import type { Tool } from '../tools/tool.ts';

let stage: ModuleStage;
beforeEach(() => {
  stage = new ModuleStage();
});

const tool = (name: string, answer: () => Promise<string>): Tool => ({
  name,
  description: 'A tool.',
  parameters: { type: 'object' },
  source: OWN_TOOLS,
  sideEffects: false,
  run: answer,
});

test('calls of tools are events between the module’s own, and failures are told to the model', async () => {
  const look = tool('look', () => Promise.resolve('blue'));
  const fail = tool('fail', () => Promise.reject(new ToolError('The sky is gone.')));
  const run = stage.start(
    async function* (_request, { tools }) {
      yield 'a';
      yield await tools.call('look', { at: 'sky' });
      await assert.rejects(tools.call('fail', {}), {
        name: 'ToolError',
        message: 'The sky is gone.',
      });
      const called = (id: string, name: string) =>
        ({ id, type: 'function', function: { name, arguments: '{}' } }) as const;
      const messages = await tools.answer([called('1', 'look'), called('2', 'fail')]);
      yield messages.map(({ content }) => content).join(', ');
    },
    { tools: [look, fail] },
  );
  const events = await collect(run);
  const shown = events.map((event) =>
    'name' in event ? `${event.type} ${event.name}` : event.type,
  );
  assert.deepEqual(shown.slice(0, 6), [
    'text.delta',
    'tool.started look',
    'tool.result',
    'text.delta',
    'tool.started fail',
    'tool.result',
  ]);
  assert.deepEqual(events.at(-2), { type: 'text.delta', text: 'blue, The sky is gone.' });
});

test('the same call has the same id in every attempt, and another one another', async () => {
  const idsOf = async (): Promise<unknown[]> => {
    const run = stage.start(
      async function* (_request, { tools }) {
        for (const at of ['sky', 'sea', 'sky']) yield await tools.call('look', { at });
      },
      { tools: [tool('look', () => Promise.resolve('blue'))] },
    );
    const events = await collect(run);
    return events.flatMap((event) => (event.type === 'tool.started' ? [event.id] : []));
  };
  const [first, second] = [await idsOf(), await idsOf()];
  assert.deepEqual(first, second);
  assert.equal(new Set(first).size, 3);
});

test('calls whose ids a provider leaves out or counts anew are all made, and answered by theirs', async () => {
  for (const id of ['', 'call_0']) {
    const paid: string[] = [];
    const pay: Tool = {
      ...tool('pay', () => assert.fail('never')),
      sideEffects: true,
      run: (input) => {
        const { to } = input as { to: string };
        paid.push(to);
        return Promise.resolve(`paid ${to}`);
      },
    };
    const called = (to: string) =>
      ({
        id,
        type: 'function',
        function: { name: 'pay', arguments: JSON.stringify({ to }) },
      }) as const;
    const run = stage.start(
      async function* (_request, { tools }) {
        const messages = [
          ...(await tools.answer([called('alice'), called('bob')])),
          ...(await tools.answer([called('carol')])),
        ];
        yield JSON.stringify(messages.map((message) => [message.tool_call_id, message.content]));
      },
      { tools: [pay] },
    );
    const events = await collect(run);
    assert.deepEqual(paid, ['alice', 'bob', 'carol']);
    const told = paid.map((to) => [id, `paid ${to}`]);
    assert.deepEqual(events.at(-2), { type: 'text.delta', text: JSON.stringify(told) });
    const shown = events.flatMap((event) => (event.type === 'tool.started' ? [event.id] : []));
    assert.equal(new Set(shown).size, 3, 'each call is an event of its own');
  }
});

test('a cancel inside a tool ends the run at once, though the tool does not listen', async () => {
  let begun = false;
  const deaf = tool('deaf', () => {
    begun = true;
    return new Promise(() => {});
  });
  const run = stage.start(
    async function* (_request, { tools }) {
      yield await tools.call('deaf', {});
    },
    { tools: [deaf] },
  );
  const reason = new Error('the caller left');
  const outcome = assert.rejects(collect(run), reason);
  await until(() => begun, { what: 'the tool to be called' });
  stage.stop.abort(reason);
  await outcome;
  assert.deepEqual(stage.lines, [], 'nothing is left behind');
});
