/** Bad input to all of Switchboard: a clear error in OpenAI's shape, the processes unharmed. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';

import { leakGuard } from '@switchboard/testkit';

import { ask, chatBody, readAnswer } from '../chat.ts';
import { chatHead, RawClient } from '../raw-client.ts';
import { TestStack } from '../test-stack.ts';

const KIB = 1_024;
const BODY_MAX_BYTES = 512 * KIB;
/** Smaller than the gateway's own limit, so that each can be met. */
const NATS_MAX_BYTES = 256 * KIB;
const BODY_TIMEOUT_MS = 2_000;
/** Pause between the bytes of a client that is too slow. */
const DRIP_MS = 40;

let stack: TestStack;
let pids: readonly number[];

before(async () => {
  stack = await TestStack.start({
    nats: { maxPayloadBytes: NATS_MAX_BYTES },
    gatewayEnv: {
      MAX_BODY_BYTES: String(BODY_MAX_BYTES),
      BODY_TIMEOUT_MS: String(BODY_TIMEOUT_MS),
    },
  });
  pids = stack.stack.processes.map(({ pid }) => pid);
});
after(async () => await stack.stop());

afterEach(async () => {
  const answer = await ask(stack.url, chatBody('sim/tokens=1'));
  assert.deepEqual([answer.status, answer.complete], [200, true]);
  const running = stack.stack.processes.filter((each) => each.running).map(({ pid }) => pid);
  assert.deepEqual(running, pids);
});

interface BadCase {
  readonly name: string;
  readonly method?: string;
  readonly path?: string;
  readonly type?: string;
  readonly body?: string;
  readonly status: number;
  readonly code: string;
  readonly param?: string;
  readonly message: RegExp;
}

function json(fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(chatBody('assistant', fields));
}

const invalid = { status: 400, code: 'invalid_request' };
const CASES: readonly BadCase[] = [
  { ...invalid, name: 'broken JSON', body: '{"model": "assistant", "mess', message: /JSON/ },
  { ...invalid, name: 'an empty body', body: '', message: /empty/ },
  { ...invalid, name: 'a list instead of an object', body: '[1]', message: /object/ },
  {
    ...invalid,
    name: 'no messages',
    body: json({ messages: [] }),
    param: 'messages',
    message: /empty/,
  },
  {
    ...invalid,
    name: 'messages of a wrong type',
    body: json({ messages: 'Hello' }),
    param: 'messages',
    message: /array/,
  },
  {
    ...invalid,
    name: 'a wrong type deep in a message',
    body: json({ messages: [{ role: 'user', content: [{ type: 'text', text: 7 }] }] }),
    param: 'messages[0].content[0].text',
    message: /string/,
  },
  {
    ...invalid,
    name: 'a parameter of a wrong type',
    body: json({ temperature: 'hot' }),
    param: 'temperature',
    message: /number/,
  },
  {
    ...invalid,
    name: 'a model that is no name',
    body: json({ model: 7 }),
    param: 'model',
    message: /string/,
  },
  {
    ...invalid,
    name: 'stream_options without a stream',
    body: json({ stream_options: { include_usage: true } }),
    param: 'stream_options',
    message: /stream/,
  },
  {
    name: 'more than one answer',
    body: json({ n: 2 }),
    status: 400,
    code: 'unsupported_parameter',
    param: 'n',
    message: /n/,
  },
  {
    name: 'audio',
    body: json({ modalities: ['text', 'audio'] }),
    status: 400,
    code: 'unsupported_parameter',
    param: 'modalities',
    message: /text/,
  },
  {
    name: 'a model that does not exist',
    body: json({ model: 'gpt-unknown' }),
    status: 404,
    code: 'model_not_found',
    param: 'model',
    message: /assistant/,
  },
  {
    name: "a body over the gateway's limit",
    body: json({ metadata: { long: 'x'.repeat(BODY_MAX_BYTES) } }),
    status: 413,
    code: 'body_too_large',
    message: new RegExp(String(BODY_MAX_BYTES)),
  },
  {
    name: 'a form',
    type: 'application/x-www-form-urlencoded',
    body: 'model=assistant',
    status: 415,
    code: 'unsupported_media_type',
    message: /application\/json/,
  },
  {
    name: 'an unknown route',
    path: '/v1/completions',
    body: json({}),
    status: 404,
    code: 'unknown_route',
    message: /\/v1\/completions/,
  },
  {
    name: 'an unknown method of a route',
    method: 'PUT',
    body: json({}),
    status: 405,
    code: 'method_not_allowed',
    message: /POST/,
  },
];

describe('bad input', () => {
  for (const bad of CASES) {
    it(`gets ${bad.status} ${bad.code}: ${bad.name}`, async () => {
      const response = await fetch(stack.url + (bad.path ?? '/v1/chat/completions'), {
        method: bad.method ?? 'POST',
        headers: { 'content-type': bad.type ?? 'application/json' },
        body: bad.body ?? '',
      });
      const { status, error, headers } = await readAnswer(response);
      assert.ok(error !== undefined);
      assert.deepEqual(
        [status, error.code, error.param, error.type],
        [bad.status, bad.code, bad.param ?? null, 'invalid_request_error'],
      );
      assert.match(error.message, bad.message);
      assert.equal(headers.get('x-should-retry'), 'false');
      assert.match(headers.get('x-request-id') ?? '', /./);
    });
  }

  it('reaches no worker: the model is called for none of it', async () => {
    const scripts = (await stack.simulator.runs()).map(({ script }) => script);
    assert.deepEqual([...new Set(scripts)], ['tokens=1']);
  });
});

describe('a body over what one NATS message may hold', () => {
  it('is answered all the same: it goes ahead of its message', async () => {
    const long = 'x'.repeat(NATS_MAX_BYTES);
    const body = chatBody('sim/text=parts', { messages: [{ role: 'user', content: long }] });
    const answer = await ask(stack.url, body);
    assert.ok(answer.complete);
    assert.match(answer.text, /"messages":1/);
  });
});

describe('a body that comes one byte at a time', () => {
  it('is read and answered when it is there in time', async () => {
    const client = await RawClient.open(stack.url);
    const body = JSON.stringify(chatBody('sim/tokens=3'));
    client.write(chatHead(body.length, 'byte-by-byte'));
    for (const byte of body) await client.writePacket(byte);
    await client.until(/"finish_reason":"stop"/);
    assert.equal(client.status, 200);
    client.leave();
  });

  it('gets 408 request_timeout when it takes longer than BODY_TIMEOUT_MS, and is cut off', async () => {
    const client = await RawClient.open(stack.url);
    const body = JSON.stringify(chatBody('sim/tokens=3', { user: 'x'.repeat(10_000) }));
    client.write(chatHead(body.length, 'too-slow'));
    let sent = 0;
    const drip = setInterval(() => {
      if (client.isOpen) client.write(body.charAt(sent));
      sent += 1;
    }, DRIP_MS);
    await client.closed;
    clearInterval(drip);
    assert.ok(sent < body.length);
    assert.equal(client.status, 408);
    assert.match(client.received, /\r\nx-should-retry: true\r\n/i);
    const { error } = JSON.parse(client.body) as { error: Record<string, unknown> };
    assert.deepEqual(
      [error['code'], error['type'], error['param']],
      ['request_timeout', 'invalid_request_error', null],
    );
    assert.deepEqual(await stack.simulator.runsOf('too-slow'), []);
  });
});

leakGuard();
