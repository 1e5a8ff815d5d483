/** Tools that the worker runs, in a whole Switchboard. One slot, so leaks show. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import type OpenAI from 'openai';
import { leakGuard, until } from '@switchboard/testkit';

import { ask, chatBody } from '../chat.ts';
import { RawClient } from '../raw-client.ts';
import { failureOf, sdkClient } from '../sdk-client.ts';
import { PATIENCE_MS, TestStack } from '../test-stack.ts';

const MODULES = fileURLToPath(new URL('fixtures/tools', import.meta.url));
const messages = [{ role: 'user' as const, content: 'hello' }];

let stack: TestStack;
let client: OpenAI;
let folder: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'own-tools-'));
  stack = await TestStack.start({
    poolSize: 1,
    agents: [
      { name: 'sim/*', model: '*' },
      {
        name: 'own/*',
        model: '*',
        tools: ['clock', 'calculator', 'deaf', 'spin'],
        max_steps: 3,
      },
    ],
    workerEnv: { AGENTS_DIR: MODULES },
  });
  client = sdkClient(stack.url, [], { maxRetries: 0 });
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

describe("an agent's own tools", () => {
  it('are run between two calls of the model, and callers need not know', async () => {
    const answer = await client.chat.completions.create({
      model: 'own/tool=calculator,args={"expression":"6*7"},text=request',
      messages,
    });
    const [choice] = answer.choices;
    assert.equal(choice?.finish_reason, 'stop');
    assert.equal(choice.message.tool_calls, undefined);
    const { messages: told } = JSON.parse(choice.message.content ?? '') as {
      readonly messages: readonly { readonly role: string; readonly content: string }[];
    };
    assert.deepEqual(
      told.filter(({ role }) => role === 'tool').map(({ content }) => content),
      ['42'],
    );
  });

  it('cost what all calls of the model cost together, streamed or not', async () => {
    const model = 'own/tool=clock,tokens=7';
    const whole = await client.chat.completions.create({ model, messages });
    const request = { model, messages, stream: true, stream_options: { include_usage: true } };
    let streamed = 0;
    const chunks = await client.chat.completions.create({ ...request, stream: true });
    for await (const chunk of chunks) streamed = chunk.usage?.completion_tokens ?? streamed;
    // Of the second call seven; the first one's are the pieces of its arguments.
    assert.ok(streamed > 7);
    assert.equal(whole.usage?.completion_tokens, streamed);
  });

  it("leave calls of the caller's tools to the caller", async () => {
    const answer = await client.chat.completions.create({
      model: 'own/tool=clock>weather',
      messages,
      tools: [{ type: 'function', function: { name: 'weather' } }],
    });
    const [choice] = answer.choices;
    assert.equal(choice?.finish_reason, 'tool_calls');
    const [call, ...others] = choice.message.tool_calls ?? [];
    assert.ok(call?.type === 'function' && call.function.name === 'weather');
    assert.equal(others.length, 0);
  });

  it('that are called for ever end the run with a code', async () => {
    const call = client.chat.completions.create({ model: 'own/tool=clock,always=1', messages });
    const error = await failureOf(call);
    assert.deepEqual([error.status, error.code], [502, 'too_many_steps']);
  });

  for (const tool of ['deaf', 'spin']) {
    for (const stream of [true, false]) {
      const form = stream ? 'streaming' : 'not streaming';

      it(`are left at once when the caller goes: ${tool}, ${form}`, async () => {
        const id = `${tool}-${String(stream)}`;
        const file = join(folder, id);
        const model = `own/tool=${tool},args=${JSON.stringify({ file })}`;
        const caller = await RawClient.chat(stack.url, chatBody(model, { stream }), id);
        await until(() => existsSync(file), { what: 'the tool', timeoutMs: PATIENCE_MS });
        caller.leave();
        await stack.queueEmpty();
        // The slot is free while the tool would still go on, and its model was asked once.
        assert.equal((await ask(stack.url, chatBody('sim/tokens=1'))).complete, true);
        assert.equal((await stack.simulator.runsOf(id)).length, 1);
      });
    }
  }
});

leakGuard();
