import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { chunks, simulated, type Chunk } from './client.ts';

interface Completion {
  readonly model: string;
  readonly choices: readonly {
    readonly message: {
      readonly content: string | null;
      readonly reasoning_content?: string;
      readonly tool_calls?: readonly { function: { name: string; arguments: string } }[];
    };
    readonly finish_reason: string;
  }[];
  readonly usage: Readonly<Record<string, unknown>>;
}

function spoken(stream: readonly Chunk[]): string {
  return stream.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
}

function completion(body: string): Completion {
  const answer: Completion = JSON.parse(body);
  return answer;
}

function errorOf(body: string): { message: string; param: string | null } {
  const answer: { error: { message: string; param: string | null } } = JSON.parse(body);
  return answer.error;
}

describe('an answer', () => {
  it('streams the role, each token, the finish reason and [DONE]', async (context) => {
    const client = await simulated(context);
    const { status, headers, body } = await client.chat({ model: 'text=echo', stream: true }).reply;
    assert.equal(status, 200);
    assert.match(headers['content-type'] ?? '', /^text\/event-stream/);
    const stream = chunks(body);
    assert.equal(spoken(stream), 'Hello there');
    assert.equal(stream.length, 1 + 2 + 1);
    assert.equal(stream.at(-1)?.choices[0]?.finish_reason, 'stop');
    assert.ok(stream.every((chunk) => chunk.usage === undefined));
  });

  it('sends the usage in a chunk of its own when asked to', async (context) => {
    const client = await simulated(context);
    const asked = { model: 'tokens=5', stream: true, stream_options: { include_usage: true } };
    const stream = chunks((await client.chat(asked).reply).body);
    const last = stream.at(-1);
    assert.deepEqual(last?.choices, []);
    assert.equal(last?.usage?.['completion_tokens'], 5);
    assert.ok(stream.slice(0, -1).every((chunk) => chunk.usage === null));
  });

  it('comes in one piece when it is not streamed', async (context) => {
    const client = await simulated(context);
    const { status, body } = await client.chat({ model: 'sim/text=echo' }).reply;
    assert.equal(status, 200);
    const answer = completion(body);
    assert.equal(answer.model, 'sim/text=echo');
    assert.equal(answer.choices[0]?.message.content, 'Hello there');
    assert.equal(answer.usage['completion_tokens'], 2);
  });

  it('says by itself that it is a simulator under a plain model name', async (context) => {
    const client = await simulated(context);
    const headers = { 'x-simulator-script': 'text=chat' };
    const { body } = await client.chat({ model: 'gpt-4o', headers }).reply;
    assert.match(completion(body).choices[0]?.message.content ?? '', /simulator/);
  });

  it('reasons first, streamed or not', async (context) => {
    const client = await simulated(context);
    const model = 'reasoning=2,tokens=1';
    const stream = chunks((await client.chat({ model, stream: true }).reply).body);
    const kinds = stream.map((chunk) => Object.keys(chunk.choices[0]?.delta ?? {}).at(-1));
    const expected = ['content', 'reasoning_content', 'reasoning_content', 'content', undefined];
    assert.deepEqual(kinds, expected);
    const { message } = completion((await client.chat({ model }).reply).body).choices[0] ?? {};
    assert.equal(message?.reasoning_content, 'Lorem ipsum');
    assert.equal(message.content, 'Lorem');
  });

  it('stops at max_tokens with the finish reason length', async (context) => {
    const client = await simulated(context);
    const asked = { model: 'reasoning=1,tokens=9', max_completion_tokens: 3 };
    const answer = completion((await client.chat(asked).reply).body);
    assert.equal(answer.choices[0]?.finish_reason, 'length');
    assert.equal(answer.usage['completion_tokens'], 3);
  });

  it('ends with the scripted finish reason', async (context) => {
    const client = await simulated(context);
    const asked = { model: 'tokens=1,finish=content_filter', stream: true };
    const stream = chunks((await client.chat(asked).reply).body);
    assert.equal(stream.at(-1)?.choices[0]?.finish_reason, 'content_filter');
  });

  it('can be the request itself, to see which parameters arrived', async (context) => {
    const client = await simulated(context);
    const { body } = await client.chat({ model: 'text=request', temperature: 0.5 }).reply;
    const request: object = JSON.parse(completion(body).choices[0]?.message.content ?? '');
    assert.ok('temperature' in request && request.temperature === 0.5);
  });

  it('can count what the request had, to see which parts arrived', async (context) => {
    const client = await simulated(context);
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,' } };
    const messages = [
      { role: 'system', content: 'Be short.' },
      { role: 'user', content: [{ type: 'text', text: 'Compare these.' }, image, image] },
      { role: 'user', content: [{ type: 'file', file: { file_data: '' } }, { type: 'new' }] },
    ];
    const { body } = await client.chat({ model: 'text=parts', messages }).reply;
    const counts: object = JSON.parse(completion(body).choices[0]?.message.content ?? '');
    const expected = { messages: 3, texts: 2, images: 2, files: 1, audios: 0, others: 1 };
    assert.deepEqual(counts, expected);
  });

  it('of 100,000 tokens arrives whole at a slow reader', async (context) => {
    const client = await simulated(context);
    const call = client.chat({ model: 'tokens=100000', stream: true });
    const incoming = await call.headers;
    incoming.pause();
    setImmediate(() => incoming.resume());
    const stream = chunks((await call.reply).body);
    assert.equal(stream.length, 100_002);
  });
});

describe('a request that cannot be answered', () => {
  it('is a 400 that names the culprit in a script', async (context) => {
    const client = await simulated(context);
    const { status, body } = await client.chat({ model: 'sim/thinkk=2s' }).reply;
    assert.equal(status, 400);
    assert.match(errorOf(body).message, /unknown key "thinkk"/);
    assert.equal(errorOf(body).param, 'model');
    const headers = { 'x-simulator-script': 'pace=fast' };
    const refused = await client.chat({ headers }).reply;
    assert.equal(errorOf(refused.body).param, 'x-simulator-script');
    assert.equal((await client.stats()).rejected, 2);
  });

  it('is a 400 that names the parameter when the body is bad', async (context) => {
    const client = await simulated(context);
    const bodies: readonly (readonly [body: string, param: string | null])[] = [
      ['{', null],
      ['[]', null],
      ['{}', 'model'],
      ['{"model":"m","messages":[]}', 'messages'],
    ];
    for (const [sent, param] of bodies) {
      const { status, body } = await client.send('POST', '/v1/chat/completions', sent).reply;
      assert.equal(status, 400);
      assert.equal(errorOf(body).param, param);
    }
  });

  it('is a 413 when the body is too large', async (context) => {
    const client = await simulated(context);
    const content = 'x'.repeat(33 * 1_024 * 1_024);
    const { status } = await client.chat({ messages: [{ role: 'user', content }] }).reply;
    assert.equal(status, 413);
  });

  it('is a 404 or a 405 on a wrong route or method', async (context) => {
    const client = await simulated(context);
    assert.equal((await client.send('GET', '/v2').reply).status, 404);
    assert.equal((await client.send('GET', '/v1/chat/completions').reply).status, 405);
  });

  it('leaves the other routes in order', async (context) => {
    const client = await simulated(context);
    assert.equal((await client.send('GET', '/livez').reply).status, 200);
    const help = await client.send('GET', '/script').reply;
    assert.match(help.headers['content-type'] ?? '', /^text\/plain/);
    assert.match(help.body, /tool=NAME/);
    const { body } = await client.send('GET', '/v1/models').reply;
    const { data }: { data: { id: string }[] } = JSON.parse(body);
    assert.equal(data[0]?.id, 'assistant');
  });
});
