import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OWN_TOOLS } from '../tools/tool.ts';
import type { Tool } from '../tools/tool.ts';
import type { ProviderRequest } from './chat-provider.ts';
import { refuseOwnNames, withTools } from './tool-request.ts';

const OWN: Tool = {
  name: 'clock',
  description: 'The time.',
  parameters: { type: 'object' },
  source: OWN_TOOLS,
  sideEffects: false,
  run: () => Promise.resolve(''),
};
const CLOCK = {
  type: 'function',
  function: { name: 'clock', description: 'The time.', parameters: { type: 'object' } },
};
const named = (name: string) => ({ type: 'function', function: { name } });
const WEATHER = named('weather');

const FIRST = { isFirst: true, isLast: false };
const LATER = { isFirst: false, isLast: false };
const LAST = { isFirst: false, isLast: true };
const ONLY = { isFirst: true, isLast: true };

function sent(
  fields: Record<string, unknown>,
  place: typeof FIRST,
): { tools: unknown; choice: unknown } {
  const body: ProviderRequest = { model: 'm', messages: [], stream: true, ...fields };
  const { tools, tool_choice: choice } = withTools(body, [OWN], place);
  return { tools, choice };
}

for (const [what, choice, later] of [
  ['nothing', undefined, undefined],
  ['auto', 'auto', 'auto'],
  ['none', 'none', 'none'],
  ['required', 'required', 'auto'],
  ['a name', named('clock'), 'auto'],
  [
    'some of them',
    { type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [WEATHER] } },
    { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [WEATHER] } },
  ],
] as const) {
  test(`a tool_choice of ${what} holds for the first step, and insists in no later one`, () => {
    const tools = [WEATHER];
    const both = [WEATHER, CLOCK];
    assert.deepEqual(sent({ tools, tool_choice: choice }, FIRST), { tools: both, choice });
    assert.deepEqual(sent({ tools, tool_choice: choice }, LATER), { tools: both, choice: later });
  });
}

test('in the last step there are only the tools of the caller, or none that may be called', () => {
  assert.deepEqual(sent({}, LAST), { tools: [CLOCK], choice: 'none' });
  const tools = [WEATHER];
  assert.deepEqual(sent({ tools }, LAST), { tools, choice: undefined });
  assert.deepEqual(sent({ tools, tool_choice: 'required' }, LAST), { tools, choice: 'auto' });
});

test('where the first step is the last, only a choice of an own tool does not hold', () => {
  const tools = [WEATHER];
  assert.deepEqual(sent({ tools, tool_choice: named('clock') }, ONLY), { tools, choice: 'auto' });
  const choice = named('weather');
  assert.deepEqual(sent({ tools, tool_choice: choice }, ONLY), { tools, choice });
});

test('odd tools of the caller are the endpoint’s business', () => {
  const tools = [null, 7, {}, { function: 'clock' }, { function: { name: 7 } }];
  const body = { model: 'm', messages: [], stream: true, tools };
  refuseOwnNames(body, [OWN]);
  assert.deepEqual(sent({ tools }, FIRST).tools, [...tools, CLOCK]);
  assert.deepEqual(sent({ tools: 'clock' }, FIRST).tools, [CLOCK]);
});
