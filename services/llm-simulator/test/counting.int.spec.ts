import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { chunks, events, simulated, until } from './client.ts';

const REQUEST = { 'x-request-id': 'r' };

describe('counting', () => {
  it('sees a caller leave before the first token', async (context) => {
    const client = await simulated(context);
    const call = client.chat({ model: 'think=60s', stream: true, headers: REQUEST });
    await until(async () => (await client.runs('r')).length === 1);
    call.leave();
    const run = await client.ended('r');
    assert.deepEqual([run.outcome, run.tokens, run.firstTokenAtMs], ['aborted', 0, null]);
    assert.ok((run.endedAtMs ?? 0) < run.startedAtMs + 60_000);
  });

  it('sees a caller leave in mid-stream and sends no more tokens', async (context) => {
    const client = await simulated(context);
    const model = 'pace=5ms,tokens=10000';
    const call = client.chat({ model, stream: true, headers: REQUEST });
    await until(() => events(call.received()).length > 3);
    call.leave();
    const run = await client.ended('r');
    assert.equal(run.outcome, 'aborted');
    assert.ok(run.tokens >= 3 && run.tokens < 10_000);
    assert.equal(run.tokensAtMs.length, run.tokens);
    assert.ok(run.tokensAtMs.every((atMs) => atMs <= (run.endedAtMs ?? 0)));
    // Another stream of the same pace shows that the time of several tokens has gone by.
    await client.chat({ model: 'pace=5ms,tokens=4', stream: true }).reply;
    assert.equal((await client.runs('r'))[0]?.tokens, run.tokens);
  });

  it('sees a caller leave a whole answer, and counts what was made', async (context) => {
    const client = await simulated(context);
    const call = client.chat({ model: 'pace=5ms,tokens=10000', headers: REQUEST });
    await until(async () => {
      const [run] = await client.runs('r');
      return run !== undefined && performance.timeOrigin + performance.now() > run.startedAtMs + 20;
    });
    call.leave();
    const run = await client.ended('r');
    assert.equal(run.outcome, 'aborted');
    assert.ok(run.tokens >= 4 && run.tokens < 10_000, String(run.tokens));
    assert.ok(run.tokensAtMs.every((atMs) => atMs <= (run.endedAtMs ?? 0)));
  });

  it('holds an answer that is not streamed for think and all its tokens', async (context) => {
    const client = await simulated(context);
    const model = 'think=40ms,tokens=4,pace=10ms';
    await client.chat({ model, headers: REQUEST }).reply;
    const run = await client.ended('r');
    assert.equal(run.outcome, 'finished');
    assert.ok((run.endedAtMs ?? 0) - run.startedAtMs >= 79);
    const offsets = run.tokensAtMs.map((atMs) => Math.round(atMs - run.startedAtMs));
    assert.deepEqual(offsets, [40, 50, 60, 70]);
  });

  it('paces a stream: no token before its time', async (context) => {
    const client = await simulated(context);
    const model = 'think=40ms,tokens=4,pace=10ms';
    await client.chat({ model, stream: true, headers: REQUEST }).reply;
    const run = await client.ended('r');
    const offsets = run.tokensAtMs.map((atMs) => atMs - run.startedAtMs);
    assert.equal(offsets.length, 4);
    assert.ok(offsets.every((ms, index) => ms >= 40 + 10 * index - 0.5));
    assert.ok((run.endedAtMs ?? 0) - run.startedAtMs >= 79);
  });

  it('balances: started = finished + aborted + faulted + running', async (context) => {
    const client = await simulated(context);
    await client.chat({ model: 'tokens=2' }).reply;
    await client.chat({ model: 'error=500' }).reply;
    const left = client.chat({ model: 'hang=1', headers: REQUEST });
    await until(async () => (await client.stats()).running === 1);
    left.leave();
    await client.ended('r');
    const call = client.chat({ model: 'sim/hang=1' });
    await until(async () => (await client.stats()).running === 1);
    const stats = await client.stats();
    const { started, finished, aborted, faulted, running, maxRunning, tokens } = stats;
    assert.deepEqual([started, finished, aborted, faulted, running], [4, 1, 1, 1, 1]);
    assert.deepEqual([maxRunning, tokens], [1, 2]);
    assert.deepEqual(stats.runningByScript, { 'hang=1': 1 });
    assert.ok(stats.memory.rss > 0 && stats.openSockets >= 2);
    call.leave();
  });

  it('starts anew after a reset', async (context) => {
    const client = await simulated(context);
    await client.chat({ headers: REQUEST }).reply;
    assert.equal((await client.send('POST', '/reset').reply).status, 200);
    const { started, finished, maxRunning, tokens } = await client.stats();
    assert.deepEqual([started, finished, maxRunning, tokens], [0, 0, 0, 0]);
    assert.deepEqual(await client.runs('r'), []);
  });

  it('lists every run without its times when no request is named', async (context) => {
    const client = await simulated(context);
    for (const id of ['a', 'b']) await client.chat({ headers: { 'x-request-id': id } }).reply;
    const { body } = await client.send('GET', '/log').reply;
    const { runs }: { runs: Record<string, unknown>[] } = JSON.parse(body);
    assert.deepEqual(
      runs.map((run) => [run['request'], run['outcome'], run['tokensAtMs']]),
      [
        ['a', 'finished', undefined],
        ['b', 'finished', undefined],
      ],
    );
  });

  it('keeps 500 streams at once whole and counts each', async (context) => {
    const client = await simulated(context);
    const calls = Array.from({ length: 500 }, () =>
      client.chat({ model: 'think=1s,tokens=5,pace=50ms,jitter=0.5', stream: true }),
    );
    const replies = await Promise.all(calls.map((call) => call.reply));
    assert.ok(replies.every((reply) => chunks(reply.body).length === 1 + 5 + 1));
    const { started, finished, running, tokens } = await client.stats();
    assert.deepEqual([started, finished, running, tokens], [500, 500, 0, 2_500]);
  });

  it('sees 500 callers at once, and each of them leave', async (context) => {
    const client = await simulated(context);
    const calls = Array.from({ length: 500 }, () =>
      client.chat({ model: 'stall=2', stream: true }),
    );
    await until(async () => (await client.stats()).running === 500);
    for (const call of calls) call.leave();
    await until(async () => (await client.stats()).running === 0);
    const { started, aborted, maxRunning } = await client.stats();
    assert.deepEqual([started, aborted, maxRunning], [500, 500, 500]);
  });
});
