/** `Idempotency-Key` and resumed chats over HTTP, with a run queue in memory. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SwitchboardError } from '@switchboard/contract';
import { until } from '@switchboard/testkit';
import { IdempotencyKeys } from '../src/runs/idempotency.ts';
import { COMPLETED, MemoryBucket, STARTED, text } from './fake-runs.ts';
import { CHAT, post, RawClient, startGateway } from './harness.ts';

const KEY = { 'idempotency-key': 'k1' };
const STREAM = { ...CHAT, stream: true };

interface Line {
  readonly id: string | undefined;
  readonly data: string;
}

/** The numbered events of a stream. */
function linesOf(sse: string): Line[] {
  return sse.split('\n\n').flatMap((frame) => {
    const data = /^data: (.*)$/m.exec(frame)?.[1];
    return data === undefined ? [] : [{ id: /^id: (.*)$/m.exec(frame)?.[1], data }];
  });
}

describe('Idempotency-Key', () => {
  it('runs once for many equal requests at once, and answers all of them alike', async () => {
    await using server = await startGateway();
    server.runs.script = (run) => run.emit(STARTED, text('Hello'), COMPLETED);
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => await (await post(server, CHAT, KEY)).text()),
    );
    assert.equal(server.runs.submitted.length, 1);
    assert.equal(new Set(answers).size, 1);
  });

  it('joins a run that is still going, from its first event', async () => {
    await using server = await startGateway();
    const submitted = server.runs.next();
    const first = post(server, STREAM, KEY);
    const run = await submitted;
    run.emit(STARTED, text('Hel'));
    await first;
    const second = post(server, STREAM, KEY);
    assert.equal((await second).headers.get('idempotent-replayed'), 'true');
    run.emit(text('lo'), COMPLETED);
    assert.equal(await (await first).text(), await (await second).text());
    assert.equal(server.runs.submitted.length, 1);
  });

  it('is refused for another body or another route', async () => {
    await using server = await startGateway();
    server.runs.script = (run) => run.emit(STARTED, text('x'), COMPLETED);
    await (await post(server, CHAT, KEY)).text();
    const other = await post(server, { ...CHAT, temperature: 0 }, KEY);
    assert.equal(other.status, 409);
    assert.equal(other.headers.get('x-should-retry'), 'false');
    const route = await fetch(`${server.url}/v1/responses`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...KEY },
      body: JSON.stringify({ model: 'assistant', input: 'Hello' }),
    });
    assert.equal(route.status, 409);
  });

  it('belongs to its caller: the same key of somebody else is another one', async () => {
    await using server = await startGateway();
    server.runs.script = (run) => run.emit(STARTED, text('x'), COMPLETED);
    await (await post(server, CHAT, KEY)).text();
    await (await post(server, CHAT, { ...KEY, authorization: 'Bearer other' })).text();
    assert.equal(server.runs.submitted.length, 2);
  });

  it('says so when its answer is not kept any more', async () => {
    await using server = await startGateway();
    const submitted = server.runs.next();
    const first = post(server, CHAT, KEY);
    const run = await submitted;
    const second = post(server, CHAT, KEY);
    // What the transport gives a reader who comes after the events have gone.
    run.emit({ type: 'failed', code: 'answer_incomplete', message: 'Gone.' });
    assert.equal((await first).status, 502);
    assert.equal((await second).status, 410);
  });

  it('must have 1 to 255 characters', async () => {
    await using server = await startGateway();
    const response = await post(server, CHAT, { 'idempotency-key': 'x'.repeat(256) });
    assert.equal(response.status, 400);
    assert.match(await response.text(), /"param":"idempotency-key"/);
  });

  it('is free again when the run was refused', async () => {
    await using server = await startGateway();
    server.runs.refusal = new SwitchboardError('queue_full', 'Full.');
    assert.equal((await post(server, CHAT, KEY)).status, 503);
    assert.equal(server.buckets.idempotency.entries.size, 0);
    server.runs.refusal = undefined;
    server.runs.script = (run) => run.emit(STARTED, text('x'), COMPLETED);
    assert.equal((await post(server, CHAT, KEY)).status, 200);
  });

  it('is free again when the run was cancelled, or had waited too long', async () => {
    await using server = await startGateway();
    const ends = [
      { type: 'cancelled', reason: 'client_gone' },
      { type: 'failed', code: 'queue_timeout', message: 'No slot.' },
    ] as const;
    for (const end of ends) {
      server.runs.script = (run) => run.emit(end);
      await (await post(server, CHAT, KEY)).text();
    }
    server.runs.script = (run) => run.emit(STARTED, text('x'), COMPLETED);
    assert.equal((await post(server, CHAT, KEY)).status, 200);
    assert.equal(server.runs.submitted.length, 3);
  });

  it('keeps others waiting until the queue has taken its run, and lets the next try if not', async () => {
    await using server = await startGateway();
    const accept = Promise.withResolvers<void>();
    server.runs.acceptLater = accept.promise;
    server.runs.script = (run) => run.emit(STARTED, text('x'), COMPLETED);
    const answers = Array.from({ length: 5 }, () => post(server, CHAT, KEY));
    // One asks the queue, and all have asked for the key.
    await server.runs.asked(1);
    await until(() => server.buckets.idempotency.refused >= 4, { what: 'the others' });
    server.runs.acceptLater = undefined;
    accept.reject(new SwitchboardError('queue_full', 'Full.'));
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    const byStatus = Object.groupBy(statuses, String);
    assert.deepEqual([byStatus['200']?.length, byStatus['503']?.length], [4, 1]);
    assert.equal(server.runs.submitted.length, 1);
  });

  it('is answered truthfully when nothing of its run is kept: it does not run again', async () => {
    await using server = await startGateway();
    server.runs.script = (run) => run.emit(STARTED, text('x'), COMPLETED);
    await (await post(server, CHAT, KEY)).text();
    // As the recorder leaves it when the run is not stored, or a DELETE.
    const { entries } = server.buckets.idempotency;
    for (const key of entries.keys()) if (key.startsWith('run-')) entries.delete(key);
    const again = await post(server, CHAT, KEY);
    assert.equal(again.status, 410);
    assert.match(await again.text(), /events_expired/);
    assert.equal(server.runs.submitted.length, 1);
  });

  it('that somebody else has taken over is not freed by a refusal that comes late', async () => {
    const bucket = new MemoryBucket();
    const clock = { nowMs: 0 };
    const keys = new IdempotencyKeys(bucket, () => clock.nowMs);
    const keyed = { key: 'k', request: 'r' };
    const slow = await keys.claim(keyed, 'run-1');
    assert.ok(slow.kind === 'claimed');
    clock.nowMs = 60_000;
    const known = await keys.claim(keyed, 'run-2');
    assert.ok(known.kind === 'known' && known.state === 'stale');
    await (await known.retake())?.confirm();
    await slow.claim.release();
    assert.equal(await keys.find(keyed), 'run-2');
  });

  it('is refused truthfully when it cannot be kept: nothing runs', async () => {
    await using server = await startGateway();
    server.buckets.idempotency.failure = new SwitchboardError('storage_full', 'Full.');
    assert.equal((await post(server, CHAT, KEY)).status, 503);
    assert.equal(server.runs.submitted.length, 0);
    server.runs.script = (run) => run.emit(STARTED, text('x'), COMPLETED);
    assert.equal((await post(server, CHAT)).status, 200);
  });
});

describe('a request too large for a message', () => {
  it('goes ahead of its message, and leaves nothing behind when the queue refuses it', async () => {
    await using server = await startGateway();
    server.runs.inlineMax = 0;
    server.runs.script = (run) => run.emit(STARTED, text('x'), COMPLETED);
    assert.equal((await post(server, CHAT)).status, 200);
    assert.equal(server.inputs.size, 1);
    const kept = server.buckets.idempotency.entries.size;
    server.runs.refusal = new SwitchboardError('queue_full', 'Full.');
    assert.equal((await post(server, CHAT)).status, 503);
    assert.equal((await post(server, CHAT, KEY)).status, 503);
    assert.deepEqual([server.inputs.size, server.buckets.idempotency.entries.size], [1, kept]);
  });
});

describe('a run whose key cannot be confirmed', () => {
  it('is cancelled: nobody would find it again', async () => {
    await using server = await startGateway();
    server.runs.script = () => {
      server.buckets.idempotency.failure = new SwitchboardError('queue_unavailable', 'Away.');
    };
    assert.equal((await post(server, CHAT, KEY)).status, 503);
    assert.deepEqual(server.runs.submitted[0]?.cancels, ['deadline']);
  });
});

describe('a chat that is resumed', () => {
  it('goes on after any event, with the same numbers', async () => {
    await using server = await startGateway();
    server.runs.script = (run) => run.emit(STARTED, text('a'), text('b'), text('c'), COMPLETED);
    const whole = linesOf(await (await post(server, STREAM, KEY)).text());
    assert.equal(whole.at(-1)?.data, '[DONE]');
    for (const [index, { id }] of whole.entries()) {
      if (id === undefined) continue;
      const response = await post(server, STREAM, { ...KEY, 'last-event-id': id });
      assert.deepEqual(linesOf(await response.text()), whole.slice(index + 1));
    }
    assert.equal(server.runs.submitted.length, 1);
  });

  it('says so when the stream has no such event', async () => {
    await using server = await startGateway();
    server.runs.script = (run) => run.emit(STARTED, text('a'), COMPLETED);
    const whole = linesOf(await (await post(server, STREAM, KEY)).text());
    const id = `${server.runs.submitted[0]?.run}:${whole.length}`;
    const response = await post(server, STREAM, { ...KEY, 'last-event-id': id });
    const lines = linesOf(await response.text());
    assert.equal(lines.length, 1);
    assert.match(lines[0]?.data ?? '', /"param":"last-event-id"/);
  });

  it('needs an id of ours', async () => {
    await using server = await startGateway();
    const response = await post(server, STREAM, { ...KEY, 'last-event-id': 'nonsense' });
    assert.equal(response.status, 400);
    assert.match(await response.text(), /"param":"last-event-id"/);
  });

  it('has no ids without a key, because it cannot be resumed', async () => {
    await using server = await startGateway();
    server.runs.script = (run) => run.emit(STARTED, text('a'), COMPLETED);
    const lines = linesOf(await (await post(server, STREAM)).text());
    assert.ok(lines.every(({ id }) => id === undefined));
  });

  it('is left alone by a gateway that has to go, and cancelled without a key', async () => {
    for (const [headers, cancels] of [
      ['idempotency-key: k1\r\n', 0],
      ['', 1],
    ] as const) {
      await using server = await startGateway();
      const submitted = server.runs.next();
      const client = new RawClient(server.port);
      client.chat(STREAM, headers);
      const run = await submitted;
      run.emit(STARTED, text('a'));
      await client.until(/"content":"a"/);
      server.gateway.stopIntake();
      server.gateway.abort();
      await client.until(/shutting_down/);
      client.socket.destroy();
      assert.equal(run.cancels.length, cancels);
    }
  });
});
