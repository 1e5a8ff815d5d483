/** Providers of the agents' file, as callers see them; one of them is another Switchboard. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';

import { writeAgentsFile } from '@switchboard/stack';
import type { Agent } from '@switchboard/stack';
import { leakGuard, until } from '@switchboard/testkit';

import { ask, chat, chatBody } from '../chat.ts';
import { PATIENCE_MS, TestStack } from '../test-stack.ts';

const WEATHER = {
  type: 'function',
  function: { name: 'weather', parameters: { type: 'object', properties: {} } },
};

const PROXY = { pool: 'outer', provider: 'switchboard' };
const AGENTS: readonly (Agent & { readonly pool?: string })[] = [
  { name: 'sim/*', model: '*' },
  { name: 'echo', model: 'sim/text=echo', ...PROXY },
  { name: 'caller', model: 'sim/tool=weather,args={"city":"Oslo"}', ...PROXY },
  { name: 'slow', model: 'sim/tokens=1000,pace=20ms', ...PROXY },
  { name: 'helped', ...helped('sim/text=echo') },
  { name: 'helped-slowly', ...helped('sim/tokens=1000,pace=20ms') },
];

/** An agent whose own provider cannot be reached. */
function helped(model: string) {
  const fallback = [{ provider: 'switchboard', model }];
  return { model, pool: 'outer', provider: 'nowhere', max_retries: 0, fallback };
}

let stack: TestStack;

before(async () => {
  // The address of a provider is known when the gateway is up: until then nobody has any.
  const agents = AGENTS.map(({ name, model = '', pool = 'default' }) => ({ name, model, pool }));
  stack = await TestStack.start({ agents, poolSize: 4 });
  const providers = [
    { name: 'switchboard', base_url: `${stack.url}/v1`, api: 'responses' },
    { name: 'nowhere', base_url: 'http://127.0.0.1:9/v1', api_key_env: 'KEY_FOR_NOWHERE' },
  ];
  await stack.stack.addWorker({
    WORKER_POOL: 'outer',
    // So that the next test needs the slot of the one before.
    POOL_SIZE: '1',
    AGENTS_FILE: writeAgentsFile(AGENTS, { providers }),
    // No agent of the pool uses the endpoint of this variable.
    OPENAI_BASE_URL: '',
    KEY_FOR_NOWHERE: 'key-for-nowhere',
  });
});
after(async () => await stack.stop());

it('an answer of the Responses API arrives as a chat completion, streamed or not', async () => {
  for (const stream of [true, false]) {
    const answer = await ask(stack.url, chatBody('echo', { stream }));
    assert.deepEqual([answer.status, answer.text, answer.complete], [200, 'Hello', true]);
  }
});

it('a call of a function goes through both of them, and its result comes back', async () => {
  const body = chatBody('caller', { tools: [WEATHER] });
  const response = await chat(stack.url, body);
  const { choices } = (await response.json()) as {
    choices: { finish_reason: string; message: { tool_calls: { function: object }[] } }[];
  };
  const [choice] = choices;
  assert.equal(choice?.finish_reason, 'tool_calls');
  const [call] = choice.message.tool_calls;
  assert.deepEqual(call?.function, { name: 'weather', arguments: '{"city":"Oslo"}' });
  const result = { role: 'tool', tool_call_id: (call as { id?: string }).id, content: 'rain' };
  const messages = [{ role: 'user', content: 'Weather?' }, choice.message, result];
  const later = await ask(stack.url, chatBody('caller', { tools: [WEATHER], messages }));
  assert.ok(later.complete && later.text.length > 0);
});

for (const [agent, when] of [
  ['slow', 'in an answer'],
  ['helped-slowly', 'during a fallback'],
] as const) {
  it(`a caller who leaves ${when} stops both runs, down to the model`, async () => {
    const leave = new AbortController();
    const body = chatBody(agent, { stream: true });
    const response = await chat(stack.url, body, { signal: leave.signal });
    assert.equal(response.status, 200);
    await stack.modelRuns(1);
    leave.abort();
    await stack.idle();
    await stack.queueEmpty('outer');
  });
}

it('a provider that nobody can reach is not noticed where there is another', async () => {
  const answer = await ask(stack.url, chatBody('helped', { stream: true }));
  assert.deepEqual([answer.status, answer.text], [200, 'Hello']);
  const said = () => stack.printed.some(({ text }) => text.includes('asking the next provider'));
  await until(said, { what: 'the line about it', timeoutMs: PATIENCE_MS });
  assert.ok(stack.printed.every(({ text }) => !text.includes('key-for-nowhere')));
});

leakGuard();
