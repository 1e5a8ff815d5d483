import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leakGuard } from '@switchboard/testkit';
import { PIECES, textOf, withGateway } from './harness.ts';
import type { Act } from './scripted-gateway.ts';

const TEXT = PIECES.join('');

test('a background run is stored and goes on without a reader', async () => {
  await withGateway({}, async (gateway, agent) => {
    const run = await agent.background('Hello');
    assert.equal(run.id, 'resp_1');
    const [start] = gateway.seen;
    const { background, store, stream } = start?.body ?? {};
    assert.deepEqual([background, store, stream], [true, true, undefined]);
    assert.equal(start?.onDisconnect, undefined, 'the default of background runs');
  });
});

test('its start is tried again with the same key', async () => {
  const headers = { 'retry-after-ms': '1' };
  const refuse: Act = { act: 'refuse', status: 503, code: 'shutting_down', headers };
  await withGateway({ acts: [refuse, refuse] }, async (gateway, agent) => {
    await agent.background('Hello', { idempotencyKey: 'job-7' });
    assert.deepEqual(
      gateway.seen.map(({ key }) => key),
      ['job-7', 'job-7', 'job-7'],
    );
  });
});

test('a signal ends the start, with the code of every other leaving', async () => {
  await withGateway({}, async (gateway, agent) => {
    const starting = agent.background('Hello', { signal: AbortSignal.abort() });
    await assert.rejects(starting, { name: 'AgentError', code: 'aborted' });
    assert.equal(gateway.runs, 0);
  });
});

test('another process needs only its id', async () => {
  await withGateway(
    { acts: [{ act: 'cut', bytes: 700, how: 'reset' }] },
    async (gateway, _, client) => {
      const run = client.background('resp_1');
      assert.equal(gateway.seen.length, 0);
      assert.equal(await run.status(), 'in_progress');
      assert.equal((await run.wait()).output_text, TEXT);
      assert.equal(await textOf(run.stream({ startingAfter: 4 })), PIECES.slice(2).join(''));
      assert.equal(await run.cancel(), 'cancelled');
      assert.equal(gateway.runs, 0, 'nothing was started');
    },
  );
});

test('leaving a reader or a wait leaves the run alone', async () => {
  const acts: Act[] = [{ act: 'hold', events: 5 }, { act: 'hold', events: 5 }, { act: 'repeat' }];
  await withGateway({ acts }, async (gateway, _, client) => {
    const run = client.background('resp_1');
    await assert.rejects(run.wait({ timeoutMs: 20 }), { code: 'wait_timeout' });
    const controller = new AbortController();
    const waiting = run.wait({ signal: controller.signal });
    controller.abort();
    await assert.rejects(waiting, { code: 'aborted' });
    for await (const piece of run.stream()) if (piece !== '') break;
    assert.deepEqual(gateway.cancelled, []);
  });
});

test('a run that nobody knows is an error with the code of the gateway', async () => {
  const refuse: Act = { act: 'refuse', status: 404, code: 'response_not_found' };
  await withGateway({ acts: [refuse, refuse] }, async (_, __, client) => {
    const run = client.background('resp_9');
    const error = { name: 'AgentError', code: 'response_not_found', responseId: 'resp_9' };
    await assert.rejects(run.status(), error);
    await assert.rejects(run.wait(), error);
  });
});

leakGuard();
