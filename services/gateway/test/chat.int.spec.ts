import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type ErrorCode, SwitchboardError } from '@switchboard/contract';
import { ChatCompletionChunkSchema, ErrorSchema } from '../src/docs/answer-schemas.ts';
import { COMPLETED, STARTED, text } from './fake-runs.ts';
import { CHAT, RawClient, post, startGateway } from './harness.ts';
import type { TestGateway } from './harness.ts';

const STREAM = { ...CHAT, stream: true };

let server: TestGateway;

beforeEach(async () => {
  server = await startGateway();
});
afterEach(() => server[Symbol.asyncDispose]());

async function errorOf(response: Response) {
  return ErrorSchema.parse(await response.json()).error;
}

describe('what the queue gets', () => {
  it('is the request without model and stream, with profile, identity and request id', async () => {
    server.runs.script = (run) => run.emit(STARTED, COMPLETED);
    const body = { ...CHAT, temperature: 0.5, top_k: 4, user: 'ann', model: 'sim/tokens=3' };
    const headers = { authorization: 'Bearer key-1', 'x-request-id': 'abc-1' };
    const response = await post(server, body, headers);
    assert.equal(response.headers.get('x-request-id'), 'abc-1');
    const [run] = server.runs.submitted;
    assert.ok(run !== undefined);
    const { profile, run: id, user, account, onEnd, ...rest } = run.submission;
    assert.equal(id, run.run);
    assert.equal(profile.name, 'sim/*');
    assert.ok(user.includes('ann') && account === user && onEnd !== undefined);
    assert.deepEqual(rest, {
      requestId: 'abc-1',
      model: 'tokens=3',
      stream: false,
      onDisconnect: 'cancel',
      resumeWindowMs: 30_000,
      priority: 'normal',
      deadlineMs: undefined,
      maxOutstanding: undefined,
      accountMost: undefined,
      chat: { messages: CHAT.messages, temperature: 0.5, top_k: 4, user: 'ann' },
    });
    assert.equal(((await response.json()) as { model: string }).model, 'sim/tokens=3');
  });

  it('has a fresh request id where the client sent none that is a plain word', async () => {
    server.runs.script = (run) => run.emit(STARTED, COMPLETED);
    for (const sent of ['a b', 'x'.repeat(129), 'ü', '']) {
      const response = await post(server, CHAT, { 'x-request-id': encodeURI(sent) });
      assert.match(response.headers.get('x-request-id') ?? '', /^req_[0-9a-f]{32}$/);
      await response.text();
    }
  });

  it('tolerates slashes too many in the base URL', async () => {
    server.runs.script = (run) => run.emit(STARTED, COMPLETED);
    for (const path of ['/v1//chat/completions', '/v1/chat/completions/']) {
      const init = { method: 'POST', body: JSON.stringify(CHAT) };
      const headers = { 'content-type': 'application/json' };
      assert.equal((await fetch(server.url + path, { ...init, headers })).status, 200);
    }
  });
});

describe('refusals before a run starts', () => {
  it('have their own status, times and x-should-retry: true', async () => {
    for (const [error, status, seconds] of [
      [new SwitchboardError('too_many_outstanding', 'x', { retryAfterMs: 1_500 }), 429, '2'],
      [new SwitchboardError('queue_full', 'x'), 503, '1'],
      [new SwitchboardError('queue_unavailable', 'x'), 503, '2'],
    ] as const) {
      server.runs.refusal = error;
      for (const body of [CHAT, STREAM]) {
        const response = await post(server, body);
        assert.equal(response.status, status);
        assert.equal(response.headers.get('retry-after'), seconds);
        assert.equal(response.headers.get('x-should-retry'), 'true');
        await response.text();
      }
    }
  });

  it('still have a status while the run waits in the queue', async () => {
    server.runs.script = (run) =>
      run.emit({ type: 'failed', code: 'queue_timeout', message: 'Too long.' });
    for (const body of [CHAT, STREAM]) {
      const response = await post(server, body);
      assert.equal(response.status, 503);
      assert.equal(response.headers.get('x-should-retry'), 'true');
      assert.equal((await errorOf(response)).code, 'queue_timeout');
    }
  });
});

describe('failures of a run', () => {
  const failed = {
    type: 'failed',
    code: 'provider_rejected',
    message: 'Too many images.',
    param: 'messages[3]',
  } as const;

  it('not streaming: have their own status, and are never to be retried', async () => {
    server.runs.script = (run) => run.emit(STARTED, text('Hi'), failed);
    const response = await post(server, CHAT);
    assert.equal(response.status, 400);
    assert.equal(response.headers.get('x-should-retry'), 'false');
    assert.ok(response.headers.get('x-queue-wait-ms') !== null);
    assert.deepEqual(await errorOf(response), {
      message: 'Too many images.',
      type: 'invalid_request_error',
      param: 'messages[3]',
      code: 'provider_rejected',
    });
  });

  it('that only newer workers know, as gateways meet them in a rolling update: are a 500', async () => {
    const code = 'code_of_tomorrow' as ErrorCode;
    server.runs.script = (run) => run.emit(STARTED, { type: 'failed', code, message: 'New.' });
    for (const body of [CHAT, STREAM]) {
      const response = await post(server, body);
      assert.equal(response.status, 500);
      assert.equal(response.headers.get('x-should-retry'), 'false');
      assert.deepEqual(await errorOf(response), {
        message: 'New.',
        type: 'server_error',
        param: null,
        code,
      });
    }
  });

  it('streaming, before the first part of the answer: have their own status too', async () => {
    await using patient = await startGateway({ startedHoldMs: 60_000 });
    const limited = { ...failed, code: 'provider_rate_limited', retryAfterMs: 7_000 } as const;
    patient.runs.script = (run) => run.emit(STARTED, limited);
    const response = await post(patient, STREAM);
    assert.equal(response.status, 503);
    assert.equal(response.headers.get('retry-after'), '7');
    assert.equal(response.headers.get('x-should-retry'), 'false');
    await response.text();
  });

  it('streaming, later: are the last event, without [DONE]', async () => {
    server.runs.script = (run) => run.emit(STARTED, text('Hi'), failed);
    const ended = server.requestLine();
    const response = await post(server, STREAM);
    assert.equal(response.status, 200);
    const events = (await response.text()).split('\n\n').filter((event) => event !== '');
    const last = events.at(-1) ?? '';
    const { error } = ErrorSchema.parse(JSON.parse(last.replace('data: ', '')));
    assert.equal(error.code, 'provider_rejected');
    assert.equal(
      events.some((event) => event.includes('[DONE]')),
      false,
    );
    const { status, outcome } = await ended;
    assert.deepEqual([status, outcome], [200, 'provider_rejected']);
  });

  it('that nobody foresaw are a 500 with the request id and nothing else', async () => {
    for (const [name, script] of [
      ['submit', () => (server.runs.refusal = new TypeError('PRIVATE'))],
      ['events', () => (server.runs.script = (run) => run.break(new TypeError('PRIVATE')))],
    ] as const) {
      script();
      for (const body of [CHAT, STREAM]) {
        const response = await post(server, body, { 'x-request-id': `find-me-${name}` });
        assert.equal(response.status, 500);
        const error = await errorOf(response);
        assert.equal(error.code, 'internal_error');
        assert.match(error.message, new RegExp(`find-me-${name}`));
        assert.doesNotMatch(JSON.stringify(error), /PRIVATE|TypeError/);
      }
      server.runs.refusal = undefined;
    }
    const broken = server.runs.submitted.at(-1);
    assert.deepEqual(broken?.cancels, ['deadline']);
  });
});

describe('the status line of a stream', () => {
  it('is held while the run waits in the queue, then comes with a comment', async () => {
    await using quick = await startGateway({ statusHoldMs: 50, heartbeatIntervalMs: 50 });
    const submitted = quick.runs.next();
    const client = new RawClient(quick.port);
    client.chat(STREAM);
    const run = await submitted;
    assert.equal(client.received, '');
    await client.until(/\r\n\r\n[\da-f]+\r\n: queued\n\n/);
    assert.match(client.received, /^HTTP\/1\.1 200 OK\r\n/);
    assert.doesNotMatch(client.received, /x-queue-wait-ms/);
    // Still queued: comments go on.
    await client.until(/: queued\n\n[^]*: queued\n\n/);
    assert.doesNotMatch(client.received, /data: /);
    run.emit(STARTED);
    await client.until(/"role":"assistant"/);
    run.emit(text('Hi'), COMPLETED);
    await client.until(/\[DONE\]/);
    client.socket.destroy();
  });

  it('comes with the first part of the answer, in one piece with it', async () => {
    await using patient = await startGateway({ startedHoldMs: 60_000 });
    const submitted = patient.runs.next();
    const client = new RawClient(patient.port);
    const pieces: string[] = [];
    client.socket.on('data', (data) => pieces.push(data.toString()));
    client.chat(STREAM);
    const run = await submitted;
    run.emit(STARTED, text('one'), text('two'), text('three'));
    await client.until(/three/);
    assert.equal(pieces.length, 1);
    assert.match(client.received, /x-queue-wait-ms: \d+\r\n/);
    assert.match(client.received, /openai-processing-ms: \d+\r\n/);
    client.socket.destroy();
  });

  it('comes a while after the start of a model that thinks', async () => {
    await using quick = await startGateway({ startedHoldMs: 50 });
    quick.runs.script = (run) => run.emit(STARTED);
    const response = await post(quick, STREAM);
    assert.equal(response.status, 200);
    await response.body?.cancel();
  });
});

describe('a silent stream', () => {
  it('gets comments while the model thinks', async () => {
    await using quick = await startGateway({ heartbeatIntervalMs: 50 });
    const submitted = quick.runs.next();
    const client = new RawClient(quick.port);
    client.chat(STREAM);
    const run = await submitted;
    run.emit(STARTED);
    await client.until(/: heartbeat\n\n[^]*: heartbeat\n\n/);
    run.emit(text('Hi'), COMPLETED);
    await client.until(/\[DONE\]/);
    const events = client.received.match(/^data: \{.*\}$/gm) ?? [];
    for (const event of events) ChatCompletionChunkSchema.parse(JSON.parse(event.slice(6)));
    client.socket.destroy();
  });
});

describe('usage', () => {
  const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };

  it('is the last chunk of a stream whose caller asked for it, and null in the others', async () => {
    server.runs.script = (run) =>
      run.emit(STARTED, text('Hi'), { type: 'usage', usage }, COMPLETED);
    const body = { ...STREAM, stream_options: { include_usage: true } };
    const lines = (await (await post(server, body)).text()).match(/^data: \{.*\}$/gm) ?? [];
    const chunks = lines.map((line) => ChatCompletionChunkSchema.parse(JSON.parse(line.slice(6))));
    assert.deepEqual(chunks.at(-1)?.usage, usage);
    assert.deepEqual(chunks.at(-1)?.choices, []);
    assert.deepEqual(
      chunks.slice(0, -1).map((chunk) => chunk.usage),
      [null, null, null],
    );
  });

  it('is left out of a stream whose caller did not ask', async () => {
    server.runs.script = (run) => run.emit(STARTED, { type: 'usage', usage }, COMPLETED);
    assert.doesNotMatch(await (await post(server, STREAM)).text(), /usage/);
  });
});

describe('the log', () => {
  it('has one line a request, with ids, times and outcome, and no prompt, key or query', async () => {
    server.runs.script = (run) => run.emit(STARTED, text('SECRET-ANSWER'), COMPLETED);
    const ended = server.requestLine();
    await (
      await post(server, { ...CHAT, user: 'SECRET-USER' }, { authorization: 'Bearer SECRET-KEY' })
    ).text();
    const fields = await ended;
    assert.deepEqual(Object.keys(fields), [
      'requestId',
      'run',
      'client',
      'method',
      'route',
      'status',
      'durationMs',
      'queueWaitMs',
      'agentsVersion',
      'outcome',
    ]);
    assert.equal(fields['route'], '/v1/chat/completions');
    const unknown = server.requestLine();
    await (await fetch(`${server.url}/SECRET-PATH?SECRET-QUERY`)).text();
    await unknown;
    assert.doesNotMatch(JSON.stringify(server.lines), /SECRET|Hello/);
  });
});
