/** The Responses API over HTTP, with a run queue in memory. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ResponseSchema, StreamEventSchema } from '../src/responses/standard-schema.ts';
import { COMPLETED, STARTED, text } from './fake-runs.ts';
import type { FakeRun } from './fake-runs.ts';
import { RawClient, startGateway } from './harness.ts';
import type { TestGateway } from './harness.ts';

const ASK = { model: 'assistant', input: 'Hello' };

const answerWith =
  (...parts: readonly string[]) =>
  (run: FakeRun): void =>
    run.emit(STARTED, ...parts.map(text), COMPLETED);

async function call(
  server: TestGateway,
  method: string,
  path: string,
  { body, headers = {} }: { body?: object; headers?: Record<string, string> } = {},
): Promise<Response> {
  return await fetch(`${server.url}/v1/responses${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

interface Streamed {
  readonly type: string;
  readonly sequence_number: number;
  readonly delta?: string;
  readonly response?: { readonly id: string };
}

function eventsOf(sse: string): Streamed[] {
  return sse
    .split('\n')
    .filter((line) => line.startsWith('data: ') && line !== 'data: [DONE]')
    .map((line) => JSON.parse(line.slice(6)) as Streamed);
}

const textOf = (events: readonly Streamed[]): string =>
  events
    .filter(({ type }) => type === 'response.output_text.delta')
    .map(({ delta }) => delta)
    .join('');

async function created(server: TestGateway, body: object = ASK): Promise<{ id: string }> {
  const response = await call(server, 'POST', '', { body });
  assert.equal(response.status, 200, await response.clone().text());
  return ResponseSchema.parse(await response.json());
}

const errorCode = async (response: Response): Promise<string> =>
  ((await response.json()) as { error: { code: string } }).error.code;

describe('POST /v1/responses', () => {
  it('answers with a response of the standard', async () => {
    await using server = await startGateway();
    server.runs.script = answerWith('Hel', 'lo');
    const response = await call(server, 'POST', '', { body: ASK });
    const body = ResponseSchema.parse(await response.json());
    assert.deepEqual([body.status, body.error], ['completed', null]);
    assert.match(JSON.stringify(body.output), /"Hello"/);
  });

  it('streams events of the standard, numbered without a gap', async () => {
    await using server = await startGateway();
    server.runs.script = answerWith('Hel', 'lo');
    const response = await call(server, 'POST', '', { body: { ...ASK, stream: true } });
    const events = eventsOf(await response.text());
    for (const event of events) StreamEventSchema.parse(event);
    assert.deepEqual(
      events.map(({ sequence_number: number }) => number),
      events.map((_, index) => index),
    );
    assert.deepEqual(
      [events[0]?.type, events[1]?.type, events.at(-1)?.type],
      ['response.created', 'response.queued', 'response.completed'],
    );
    assert.equal(textOf(events), 'Hello');
  });

  it('answers a background request at once, and its run is left alone', async () => {
    await using server = await startGateway();
    const response = await call(server, 'POST', '', { body: { ...ASK, background: true } });
    const body = ResponseSchema.parse(await response.json());
    assert.equal(body.status, 'queued');
    const run = server.runs.submitted[0];
    assert.deepEqual([run?.cancels.length, run?.detached], [0, 1]);
    run?.emit(STARTED, text('Hi'), COMPLETED);
    const later = ResponseSchema.parse(await (await call(server, 'GET', `/${body.id}`)).json());
    assert.equal(later.status, 'completed');
  });

  it('continues a conversation with what was asked and answered before', async () => {
    await using server = await startGateway();
    server.runs.script = answerWith('Paris');
    const first = await created(server, { ...ASK, input: 'Capital of France?' });
    const body = { ...ASK, input: 'And of Spain?', previous_response_id: first.id };
    await created(server, body);
    const messages = server.runs.submitted[1]?.submission.chat.messages;
    assert.deepEqual(
      messages?.map(({ role }) => role),
      ['user', 'assistant', 'user'],
    );
    assert.match(JSON.stringify(messages), /France.*Paris.*Spain/);
  });

  it("refuses a previous response that is unknown, unfinished, deleted or not the caller's", async () => {
    await using server = await startGateway();
    const background = await created(server, { ...ASK, background: true });
    server.runs.script = answerWith('x');
    const gone = await created(server);
    await call(server, 'DELETE', `/${gone.id}`);
    for (const previous of ['resp_nothing', background.id, gone.id]) {
      const body = { ...ASK, previous_response_id: previous };
      const response = await call(server, 'POST', '', { body });
      assert.equal(response.status, 400, previous);
      assert.equal(await errorCode(response), 'previous_response_not_found');
    }
    const headers = { authorization: 'Bearer somebody-else' };
    const other = await created(server);
    const body = { ...ASK, previous_response_id: other.id };
    assert.equal((await call(server, 'POST', '', { body, headers })).status, 400);
  });

  it('cancels the run of a client that leaves, unless it said otherwise', async () => {
    for (const [policy, expected] of [
      [undefined, 'cancelled'],
      ['resume', 'closed'],
      ['continue', 'detached'],
    ] as const) {
      await using server = await startGateway();
      const submitted = server.runs.next();
      const leaving = new AbortController();
      const asked = fetch(`${server.url}/v1/responses`, {
        method: 'POST',
        signal: leaving.signal,
        headers: {
          'content-type': 'application/json',
          ...(policy === undefined ? {} : { 'x-switchboard-on-disconnect': policy }),
        },
        body: JSON.stringify({ ...ASK, stream: true }),
      });
      const run = await submitted;
      await (await asked).body?.getReader().read();
      const line = server.requestLine();
      leaving.abort();
      await line;
      assert.deepEqual(
        [run.cancels.length, run.closed, run.detached],
        [
          expected === 'cancelled' ? 1 : 0,
          expected === 'closed' ? 1 : 0,
          expected === 'detached' ? 1 : 0,
        ],
        policy ?? 'default',
      );
    }
  });

  it('ends a stream that must be cut by a drain so that it can be resumed', async () => {
    await using server = await startGateway();
    const submitted = server.runs.next();
    const client = new RawClient(server.port);
    client.request('/v1/responses', { ...ASK, stream: true });
    const run = await submitted;
    run.emit(STARTED, text('Hel'));
    await client.until(/output_text\.delta/);
    server.gateway.stopIntake();
    server.gateway.abort();
    await client.until(/"code":"shutting_down"/);
    client.socket.destroy();
    const last = eventsOf(client.received).at(-1);
    assert.deepEqual([last?.type, run.cancels.length, run.detached], ['error', 0, 1]);
  });
});

describe('stored responses', () => {
  it('are read, resumed from any event, listed, and found by nobody else', async () => {
    await using server = await startGateway();
    server.runs.script = answerWith('a', 'b', 'c');
    const { id } = await created(server);
    const whole = eventsOf(await (await call(server, 'GET', `/${id}?stream=true`)).text());
    for (let after = 0; after < whole.length; after += 1) {
      const path = `/${id}?stream=true&starting_after=${after}`;
      const rest = eventsOf(await (await call(server, 'GET', path)).text());
      assert.deepEqual(rest, whole.slice(after + 1));
    }
    const items = await (await call(server, 'GET', `/${id}/input_items`)).json();
    assert.match(JSON.stringify(items), /"Hello"/);
    const headers = { authorization: 'Bearer somebody-else' };
    for (const [method, path] of [
      ['GET', `/${id}`],
      ['GET', `/${id}/input_items`],
      ['POST', `/${id}/cancel`],
      ['DELETE', `/${id}`],
    ] as const) {
      const response = await call(server, method, path, { headers });
      assert.equal(response.status, 404, path);
      assert.equal(await errorCode(response), 'response_not_found');
    }
  });

  it('say so when there is nothing after `starting_after`', async () => {
    await using server = await startGateway();
    server.runs.script = answerWith('a');
    const { id } = await created(server);
    const path = `/${id}?stream=true&starting_after=999`;
    assert.match(await (await call(server, 'GET', path)).text(), /starting_after/);
  });

  it('are cancelled once, and unchanged when they had ended', async () => {
    await using server = await startGateway();
    const { id } = await created(server, { ...ASK, background: true });
    for (let time = 0; time < 2; time += 1) {
      const response = await call(server, 'POST', `/${id}/cancel`);
      assert.equal(ResponseSchema.parse(await response.json()).status, 'cancelled');
    }
    server.runs.script = answerWith('a');
    const done = await created(server);
    const response = await call(server, 'POST', `/${done.id}/cancel`);
    assert.equal(ResponseSchema.parse(await response.json()).status, 'completed');
  });

  it('are cancelled also by a client that says it sends JSON and sends nothing', async () => {
    await using server = await startGateway();
    const { id } = await created(server, { ...ASK, background: true });
    const headers = { 'content-type': 'application/json' };
    const response = await call(server, 'POST', `/${id}/cancel`, { headers });
    assert.equal(ResponseSchema.parse(await response.json()).status, 'cancelled');
    assert.equal((await call(server, 'POST', '', { headers })).status, 400);
  });

  it('leave nothing behind when they are deleted', async () => {
    await using server = await startGateway();
    server.runs.script = answerWith('a');
    const { id } = await created(server);
    const deleted = await (await call(server, 'DELETE', `/${id}`)).json();
    assert.deepEqual(deleted, { id, object: 'response', deleted: true });
    assert.equal(server.buckets.responses.entries.size, 0);
    assert.deepEqual(server.erased, [server.runs.submitted[0]?.run]);
    assert.equal((await call(server, 'GET', `/${id}`)).status, 404);
  });
});
