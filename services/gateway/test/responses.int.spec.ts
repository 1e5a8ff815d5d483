/** The Responses API over HTTP, with a run queue in memory: what is made. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SwitchboardError } from '@switchboard/contract';
import { ResponseSchema, StreamEventSchema } from '../src/responses/standard-schema.ts';
import { COMPLETED, STARTED, text } from './fake-runs.ts';
import { RawClient, startGateway } from './harness.ts';
import { answerWith, ASK, call, created, errorCode, eventsOf, textOf } from './responses-calls.ts';

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

  it('leaves a background run alone also where its readers could end it by leaving', async () => {
    for (const policy of ['cancel', 'resume']) {
      await using server = await startGateway();
      const headers = { 'x-switchboard-on-disconnect': policy };
      const body = { ...ASK, background: true };
      assert.equal((await call(server, 'POST', '', { body, headers })).status, 200);
      const [run] = server.runs.submitted;
      assert.deepEqual([run?.cancels, run?.closed, run?.detached], [[], 0, 1], policy);
    }
  });

  it('answers a background request also when the log cannot be read: it is queued by then', async () => {
    await using server = await startGateway();
    server.runs.logFailure = new SwitchboardError('queue_unavailable', 'Away.');
    await created(server, { ...ASK, background: true });
    assert.equal(server.runs.submitted.length, 1);
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

  it('takes a conversation as long as a request may be, and leaves out turns if it may', async () => {
    await using server = await startGateway({ bodyMaxBytes: 4_000 });
    server.runs.script = answerWith('Fine.');
    const long = (name: string) => `${name}${'x'.repeat(1_500)}`;
    const one = await created(server, { ...ASK, input: long('one') });
    const two = await created(server, {
      ...ASK,
      input: long('two'),
      previous_response_id: one.id,
    });
    const body = { ...ASK, input: long('three'), previous_response_id: two.id };
    const refused = await call(server, 'POST', '', { body });
    assert.equal(refused.status, 400);
    const { error } = (await refused.json()) as { error: Record<string, unknown> };
    assert.deepEqual(
      [error['code'], error['param']],
      ['context_length_exceeded', 'previous_response_id'],
    );
    assert.match(String(error['message']), /truncation/);
    assert.equal(server.runs.submitted.length, 2);
    await created(server, { ...body, truncation: 'auto' });
    const sent = JSON.stringify(server.runs.submitted[2]?.submission.chat.messages);
    assert.doesNotMatch(sent, /onex/);
    assert.match(sent, /twox.*Fine\..*threex/);
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
          expected === 'detached' ? 0 : 1,
          expected === 'detached' ? 1 : 0,
        ],
        policy ?? 'default',
      );
    }
  });

  it('leaves a run alone that others read when its creator goes; the last to go ends it', async () => {
    await using server = await startGateway();
    const submitted = server.runs.next();
    const creator = new RawClient(server.port);
    creator.request('/v1/responses', { ...ASK, stream: true });
    const run = await submitted;
    run.emit(STARTED, text('Hel'));
    await creator.until(/output_text\.delta/);
    const path = `/v1/responses/resp_${run.run}?stream=true`;
    const readers = [new RawClient(server.port), new RawClient(server.port)] as const;
    for (const reader of readers) {
      reader.get(path);
      await reader.until(/output_text\.delta/);
    }
    for (const leaving of [creator, readers[0]]) {
      const line = server.requestLine();
      leaving.socket.destroy();
      await line;
      assert.deepEqual(run.cancels, []);
    }
    run.emit(text('lo'));
    await readers[1].until(/"delta":"lo"/);
    readers[1].socket.destroy();
    assert.equal(await run.cancelled.promise, 'client_gone');
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
