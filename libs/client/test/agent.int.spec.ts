import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deferred, leakGuard, until } from '@switchboard/testkit';
import { AgentError, createClient } from '../src/index.ts';
import { PIECES, textOf, withGateway } from './harness.ts';
import type { Act } from './scripted-gateway.ts';

const TEXT = PIECES.join('');
const REFUSED: Act = { act: 'refuse', status: 503, code: 'queue_full', headers: {} };
const FAILED = { status: 'failed', error: { code: 'worker_lost', message: 'Gone.' } } as const;

test('a call gives the text, its details the whole response', async () => {
  await withGateway({}, async (_, agent) => {
    assert.equal(await agent.call('Hello'), TEXT);
    const { id, output_text, status } = await agent.callDetails('Hello');
    assert.deepEqual([id, output_text, status], ['resp_1', TEXT, 'completed']);
  });
});

test('the history comes before the message, and the name of the agent is the model', async () => {
  const history = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'One' },
    { role: 'assistant', content: 'Two' },
  ] as const;
  await withGateway({}, async (gateway, agent) => {
    await agent.call('Three', { history, params: { metadata: { page: '7' } } });
    const turns = [...history, { role: 'user', content: 'Three' }];
    assert.deepEqual(gateway.seen[0]?.body, {
      model: 'assistant',
      stream: true,
      store: false,
      metadata: { page: '7' },
      input: turns.map((turn) => ({ type: 'message', ...turn })),
    });
  });
});

test('calls that are started together are several runs, and each is a promise of its text', async () => {
  await withGateway({}, async (gateway, agent) => {
    const calls = ['One', 'Two', 'Three'].map((message) => agent.callAsync(message));
    assert.deepEqual(await Promise.all(calls), [TEXT, TEXT, TEXT]);
    assert.equal((await calls[0]?.details())?.id, 'resp_1');
    assert.equal(gateway.runs, 3);
  });
});

test('a failed call that nobody has asked yet ends no process', async () => {
  await withGateway({ end: FAILED }, async (_, agent) => {
    const failing = agent.callAsync('Hello');
    // A rejection that nobody handles by the end of a macrotask would fail this test.
    await until(async () => (await Promise.allSettled([agent.call('Hello')])).length === 1);
    await assert.rejects(failing, { code: 'worker_lost' });
  });
});

test('a run that failed is an error with its code, after the text that it has shown', async () => {
  await withGateway({ end: FAILED }, async (gateway, agent) => {
    let text = '';
    const reading = (async () => {
      for await (const piece of agent.stream('Hello')) text += piece;
    })();
    await assert.rejects(reading, (error) => {
      assert.ok(error instanceof AgentError);
      assert.deepEqual([error.code, error.responseId], ['worker_lost', 'resp_1']);
      return true;
    });
    assert.equal(text, TEXT);
    assert.equal(gateway.seen.length, 1, 'it is not run again');
    await assert.rejects(agent.call('Hello'), { code: 'worker_lost' });
  });
});

test('a run that somebody cancelled is an error, one that a limit cut short an answer', async () => {
  await withGateway({ end: { status: 'cancelled' } }, async (_, agent) => {
    await assert.rejects(agent.call('Hello'), { code: 'cancelled' });
  });
  await withGateway({ end: { status: 'incomplete' } }, async (_, agent) => {
    assert.equal((await agent.callDetails('Hello')).status, 'incomplete');
  });
});

test('whole events end with the final response, whatever its status', async () => {
  await withGateway({ end: FAILED }, async (_, agent) => {
    const types: string[] = [];
    for await (const { type } of agent.stream('Hello').events()) types.push(type);
    assert.equal(types[0], 'response.created');
    assert.equal(types.at(-1), 'response.failed');
  });
});

test('the signal rejects at once, closes the stream and cancels the run', async () => {
  await withGateway({ acts: [{ act: 'hold', events: 5 }] }, async (gateway, agent) => {
    const closed = deferred();
    gateway.onHeldClosed = () => closed.resolve();
    const controller = new AbortController();
    const stream = agent.stream('Hello', { signal: controller.signal });
    const pieces: string[] = [];
    const reading = (async () => {
      for await (const piece of stream) {
        pieces.push(piece);
        if (pieces.length === 2) setImmediate(() => controller.abort());
      }
    })();
    await assert.rejects(reading, { code: 'aborted', responseId: 'resp_1' });
    await closed.promise;
    await until(() => gateway.cancelled.length === 1);
    assert.deepEqual(pieces, PIECES.slice(0, 2));
    assert.deepEqual(gateway.cancelled, ['resp_1']);
  });
});

test('a signal before the run has a name waits for the name, and cancels the run', async () => {
  const answered = deferred();
  const acts: Act[] = [{ act: 'late', until: answered.promise }];
  await withGateway({ acts }, async (gateway, agent, client) => {
    const call = agent.callAsync('Hello');
    await until(() => gateway.seen.length === 1);
    call.cancel();
    // A whole exchange later the first one is still open.
    await client.background('resp_2').status();
    answered.resolve();
    await assert.rejects(call, { code: 'aborted', responseId: 'resp_1' });
    await until(() => gateway.cancelled.length === 1);
  });
});

test('a signal is not held up by a gateway that never says the name', async () => {
  const never = deferred();
  const acts: Act[] = [{ act: 'late', until: never.promise }];
  await withGateway({ acts }, async (gateway, agent) => {
    const call = agent.callAsync('Hello');
    await until(() => gateway.seen.length === 1);
    call.cancel();
    await assert.rejects(call, { code: 'aborted', responseId: undefined });
    assert.deepEqual(gateway.cancelled, []);
    never.resolve();
  });
});

test('a signal that has fired already sends nothing', async () => {
  await withGateway({}, async (gateway, agent) => {
    await assert.rejects(agent.call('Hello', { signal: AbortSignal.abort() }), { code: 'aborted' });
    assert.equal(gateway.seen.length, 0);
  });
});

test('a signal during a pause between attempts ends the pause', async () => {
  const headers = { 'retry-after': '30' };
  await withGateway({ acts: [{ ...REFUSED, headers }] }, async (gateway, agent) => {
    const call = agent.callAsync('Hello');
    await until(() => gateway.seen.length === 1);
    call.cancel();
    await assert.rejects(call, { code: 'aborted' });
  });
});

test('leaving the loop cancels the run, reading to its end does not', async () => {
  await withGateway({}, async (gateway, agent) => {
    assert.equal(await textOf(agent.stream('Hello')), TEXT);
    for await (const piece of agent.stream('Hello')) if (piece !== '') break;
    await until(() => gateway.cancelled.length > 0);
    assert.equal(gateway.cancelled.length, 1);
  });
});

test('a stream is read once', async () => {
  await withGateway({}, async (gateway, agent) => {
    const stream = agent.stream('Hello');
    assert.equal(await textOf(stream), TEXT);
    await assert.rejects(textOf(stream), TypeError);
    assert.equal(gateway.runs, 1);
  });
});

test('refusals that do not pass are given to the caller without another attempt', async () => {
  const refusals: Act[] = [
    { act: 'refuse', status: 404, code: 'model_not_found' },
    { act: 'refuse', status: 409, code: 'idempotency_conflict' },
    { act: 'refuse', status: 502, code: 'worker_lost', headers: { 'x-should-retry': 'false' } },
  ];
  for (const refusal of refusals) {
    await withGateway({ acts: [refusal] }, async (gateway, agent) => {
      const { code } = refusal as { code: string };
      await assert.rejects(agent.call('Hello'), { name: 'AgentError', code });
      assert.equal(gateway.seen.length, 1);
    });
  }
});

test('attempts are bounded in number, also in mid-stream', async () => {
  const headers = { 'retry-after-ms': '1' };
  const cut: Act = { act: 'cut', bytes: 900, how: 'reset' };
  const acts = [cut, ...Array.from({ length: 9 }, () => ({ ...REFUSED, headers }))];
  await withGateway({ acts, limits: { maxRetries: 3 } }, async (gateway, agent) => {
    await assert.rejects(agent.call('Hello'), { code: 'queue_full', responseId: 'resp_1' });
    assert.equal(gateway.seen.length, 4, 'one and three more');
    assert.equal(gateway.cancelled.length, 0, 'the caller may come back with the same key');
  });
});

test('every new event begins the count of attempts again', async () => {
  const stop: Act = { act: 'fail', events: 1, code: 'shutting_down' };
  const acts = Array.from({ length: 4 }, () => stop);
  await withGateway({ acts, limits: { maxRetries: 1 } }, async (gateway, agent) => {
    assert.equal(await agent.call('Hello'), TEXT);
    assert.equal(gateway.seen.length, 5);
  });
});

test('a connection that ends without a word is an attempt too', async () => {
  const cut: Act = { act: 'cut', bytes: 0, how: 'end' };
  await withGateway(
    { acts: [cut, cut, cut], limits: { maxRetries: 1 } },
    async (gateway, agent) => {
      await assert.rejects(agent.call('Hello'), { code: 'connection_lost' });
      assert.equal(gateway.seen.length, 2);
    },
  );
});

test('an event that never comes is an error, no gap', async () => {
  const acts: Act[] = [{ act: 'skip', number: 4 }];
  await withGateway({ acts, limits: { maxRetries: 0 } }, async (_, agent) => {
    await assert.rejects(agent.call('Hello'), { code: 'events_missing' });
  });
});

test('attempts are bounded in time: a wait that ends too late is not begun', async () => {
  const acts = [{ ...REFUSED, headers: { 'retry-after': '60' } }];
  await withGateway({ acts, limits: { retryForMs: 59_000 } }, async (gateway, agent) => {
    await assert.rejects(agent.call('Hello'), { code: 'queue_full' });
    assert.equal(gateway.seen.length, 1);
  });
});

test('a gateway that is not there is connection_lost', async () => {
  const { baseURL } = await withGateway({}, async (gateway) => ({ baseURL: gateway.baseURL }));
  const client = createClient({ baseURL, apiKey: 'any', maxRetries: 1 });
  await assert.rejects(client.agent('assistant').call('Hello'), { code: 'connection_lost' });
});

leakGuard();
