/** The Responses API over HTTP, with a run queue in memory: what is kept. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { replayOf } from '@switchboard/contract';
import { ResponseSchema } from '../src/responses/standard-schema.ts';
import { COMPLETED, STARTED, text } from './fake-runs.ts';
import { startGateway } from './harness.ts';
import { answerWith, ASK, call, created, errorCode, eventsOf } from './responses-calls.ts';

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

  it('are ended also when the log has lost their beginning, before they are deleted', async () => {
    await using server = await startGateway();
    const { id } = await created(server, { ...ASK, background: true });
    const [run] = server.runs.submitted;
    // What the transport reads of such a log, also while the run goes on.
    run?.emit({ type: 'failed', code: 'answer_incomplete', message: 'Gone.' });
    assert.equal((await call(server, 'DELETE', `/${id}`)).status, 200);
    assert.deepEqual(server.runs.cancelled, [run?.run]);
  });

  it('are read from the record when their events leave the log in that moment', async () => {
    await using server = await startGateway();
    const { id } = await created(server, { ...ASK, background: true });
    const { entries } = server.buckets.responses;
    server.runs.onReadLogged = () => {
      const [[key, { value, revision }] = assert.fail()] = entries;
      const events = [STARTED, text('kept'), COMPLETED];
      entries.set(key, { value: { ...(value as object), events }, revision: revision + 1 });
      server.runs.submitted[0]?.emit({ type: 'failed', code: 'answer_incomplete', message: '' });
    };
    const body = ResponseSchema.parse(await (await call(server, 'GET', `/${id}`)).json());
    assert.equal(body.status, 'completed');
    assert.match(JSON.stringify(body.output), /kept/);
  });

  it('that were given up take their replay with them when they are deleted', async () => {
    await using server = await startGateway();
    server.runs.script = (run) =>
      run.emit({ type: 'failed', code: 'too_many_attempts', message: 'Given up.' });
    const failed = await call(server, 'POST', '', { body: { ...ASK, background: true } });
    const { id } = ResponseSchema.parse(await failed.json());
    const run = server.runs.submitted[0]?.run ?? '';
    const replay = replayOf(run, 1) ?? '';
    assert.equal((await call(server, 'DELETE', `/${id}`)).status, 200);
    assert.deepEqual([server.erased, server.runs.cancelled], [[run, replay], [replay]]);
  });
});
