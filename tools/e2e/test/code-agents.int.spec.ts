/** Agents in code in a whole Switchboard, called with the official SDK. One slot, so leaks show. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import OpenAI from 'openai';
import { until } from '@switchboard/testkit';

import { ask, chatBody } from '../chat.ts';
import { RawClient } from '../raw-client.ts';
import { failureOf, sdkClient } from '../sdk-client.ts';
import { PATIENCE_MS, TestStack } from '../test-stack.ts';

const MODULES = fileURLToPath(new URL('fixtures/agents', import.meta.url));

const messages = [{ role: 'user' as const, content: 'hello' }];

let stack: TestStack;
let client: OpenAI;
let folder: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'agents-e2e-'));
  cpSync(MODULES, folder, { recursive: true });
  stack = await TestStack.start({
    poolSize: 1,
    agents: [
      { name: 'sim/*', model: '*' },
      { name: 'poet/*', code: true, model: '*', max_retries: 0 },
      { name: 'refuser', code: true },
      { name: 'counter', code: true, timeout: 1 },
    ],
    workerEnv: { AGENTS_DIR: folder },
  });
  client = sdkClient(stack.url, [], { maxRetries: 0 });
  const announced = async () => {
    const { data } = await client.models.list();
    return data.some(({ id }) => id === 'announced');
  };
  await until(announced, { what: 'the agent to be announced', timeoutMs: PATIENCE_MS });
});
after(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true });
});

/** The one slot is free again, and the queue is empty. */
afterEach(async () => {
  await stack.idle();
  assert.equal((await ask(stack.url, chatBody('sim/tokens=1'))).complete, true);
  await stack.idle();
});

describe('an agent in code', () => {
  it('whose caller leaves ends, and with it its call of the model', async () => {
    for (const [script, stream] of [
      ['think=60s', true],
      ['think=60s', false],
      ['tokens=10000,pace=20ms', true],
    ] as const) {
      const id = `left-${script.split('=')[0]}-${String(stream)}`;
      const caller = await RawClient.chat(stack.url, chatBody(`poet/${script}`, { stream }), id);
      await stack.modelHas(id);
      caller.leave();
      await stack.idle();
      const [call, ...others] = await stack.simulator.runsOf(id);
      assert.deepEqual([call?.outcome, others.length], ['aborted', 0]);
    }
  });

  it('of which only workers know is announced, and called like any other', async () => {
    const { data } = await client.models.list();
    assert.ok(data.some(({ id }) => id === 'announced'));
    const call = client.chat.completions.create({ model: 'announced', messages });
    assert.equal((await call).choices[0]?.message.content, 'HELLO');
  });

  it('that computes without a word is ended by its time-out, and its slot is free', async () => {
    const error = await failureOf(client.chat.completions.create({ model: 'counter', messages }));
    assert.deepEqual([error.status, error.code], [504, 'run_timeout']);
  });

  it('fails in its own words where it has some, and else without any', async () => {
    const refused = async (reason: string) =>
      await failureOf(client.chat.completions.create({ model: 'refuser', messages, user: reason }));
    const invalid = await refused('invalid_request');
    assert.ok(invalid instanceof OpenAI.BadRequestError);
    assert.match(invalid.message, /Only odd questions\./);
    const away = await refused('agent_unavailable');
    assert.deepEqual([away.status, away.code], [503, 'agent_unavailable']);
    assert.equal(away.headers?.get('retry-after'), '7');
    const thrown = await refused('a secret');
    assert.deepEqual([thrown.status, thrown.code], [502, 'agent_failed']);
    assert.match(thrown.message, /The agent refuser failed\./);
    const lines = stack.printed.map(({ text }) => text).join('\n');
    assert.match(lines, /an agent in code failed/);
    assert.equal(lines.includes('a secret'), false);
  });

  it('fails when its model does, with the model’s code', async () => {
    const call = client.chat.completions.create({ model: 'poet/error=401', messages });
    const error = await failureOf(call);
    assert.deepEqual([error.status, error.code], [502, 'provider_auth']);
  });

  it('streams, and its tokens are those of its calls together', async () => {
    const chunks = await client.chat.completions.create({
      model: 'poet/tokens=3,text=echo',
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    let [text, tokens] = ['', 0];
    for await (const chunk of chunks) {
      text += chunk.choices[0]?.delta.content ?? '';
      tokens = chunk.usage?.completion_tokens ?? tokens;
    }
    assert.equal(text, 'hello hello hello / hello hello hello');
    assert.equal(tokens, 6);
  });

  it('answers the Responses API, too', async () => {
    const answer = await client.responses.create({
      model: 'poet/tokens=1,text=echo',
      input: 'hello',
      store: false,
    });
    assert.equal(answer.output_text, 'hello / hello');
    assert.equal(answer.usage?.output_tokens, 2);
  });
});
