/** What the processes print about a request, and what they never print. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { leakGuard, until } from '@switchboard/testkit';

import { ask, chat, chatBody } from '../chat.ts';
import { PATIENCE_MS, TestStack } from '../test-stack.ts';

const SECRETS = {
  prompt: 'PROMPT-b41f0c77',
  callersKey: 'sk-caller-5d0e91aa',
  endUser: 'enduser-c2a7f3',
  modelKey: 'sk-model-90ab7cd2',
};

let stack: TestStack;

before(async () => {
  const level = { LOG_LEVEL: 'trace' };
  stack = await TestStack.start({
    gatewayEnv: level,
    workerEnv: { ...level, OPENAI_API_KEY: SECRETS.modelKey },
  });
});
after(async () => await stack.stop());

interface Fields {
  readonly requestId?: string;
  readonly run?: string;
  readonly msg?: string;
}

/** Lines of gateways and workers as JSON; the other processes have formats of their own. */
function serviceLines(): readonly Fields[] {
  return stack.printed
    .filter(({ process }) => /^(gateway|worker)/.test(process))
    .map(({ text }) => JSON.parse(text) as Fields);
}

/** Sends a request whose every secret could be logged; returns its id. */
async function send(model: string, id: string): Promise<string> {
  const messages = [{ role: 'user', content: SECRETS.prompt }];
  const body = chatBody(model, { messages, user: SECRETS.endUser, stream: true });
  const headers = { authorization: `Bearer ${SECRETS.callersKey}` };
  await ask(stack.url, body, { requestId: id, headers });
  return id;
}

/** Waits for the gateway's line at the end of a request and returns its fields. */
async function lastLine(requestId: string): Promise<Fields> {
  const found = () =>
    serviceLines().find((line) => line.requestId === requestId && line.msg === 'request');
  return await until(found, { what: 'the line of the request', timeoutMs: PATIENCE_MS });
}

describe('the logs at their most talkative', () => {
  it('have neither prompts nor keys nor end users, whatever becomes of a request', async () => {
    await Promise.all([
      send('sim/text=echo', 'fine'),
      send('sim/error=500,times=1', 'tried-again'),
      send('sim/error=400', 'refused'),
      send('sim/text=echo,tokens=9,malformed=3', 'malformed'),
      send('sim/text=echo,tokens=9,error_chunk=3', 'error-chunk'),
      send(`unknown-${SECRETS.prompt}`, 'unknown-model'),
    ]);
    const broken = `{"model":"assistant","messages":[{"role":"user","content":"${SECRETS.prompt}`;
    await fetch(`${stack.url}/v1/chat/completions?key=${SECRETS.callersKey}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-request-id': 'broken-json',
        authorization: `Bearer ${SECRETS.callersKey}`,
      },
      body: broken,
    });
    for (const id of ['fine', 'tried-again', 'refused', 'broken-json']) await lastLine(id);
    for (const { process, text } of stack.printed) {
      for (const [name, secret] of Object.entries(SECRETS)) {
        assert.ok(!text.includes(secret), `${process} printed the ${name}: ${text}`);
      }
    }
  });

  it('have request id and run in every line about a request, in gateway and worker', async () => {
    const id = await send('sim/error=500,times=1', 'two-names');
    const { run } = await lastLine(id);
    assert.match(run ?? '', /^[0-9a-f]+_[0-9a-f]+$/);
    const retried = () =>
      serviceLines().some(({ msg, ...names }) => {
        return msg === 'calling the provider again' && names.run === run;
      });
    await until(retried, { what: "the worker's lines", timeoutMs: PATIENCE_MS });
    const about = serviceLines().filter((line) => line.requestId === id || line.run === run);
    assert.ok(about.some(({ msg }) => msg === 'the provider failed'));
    for (const line of about) assert.deepEqual([line.requestId, line.run], [id, run]);
  });

  it('tell of a caller who left under the same two names', async () => {
    const caller = new AbortController();
    const options = { requestId: 'left', signal: caller.signal };
    const asked = chat(stack.url, chatBody('sim/think=60s'), options);
    const left = assert.rejects(asked, { name: 'AbortError' });
    await stack.modelHas('left');
    caller.abort();
    await left;
    const { run } = await lastLine('left');
    await stack.idle();
    const about = serviceLines().filter((line) => line.requestId === 'left' || line.run === run);
    for (const line of about) assert.deepEqual([line.requestId, line.run], ['left', run]);
  });
});

leakGuard();
