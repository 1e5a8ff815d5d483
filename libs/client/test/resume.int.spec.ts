import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { leakGuard, seededRandom, testSeed } from '@switchboard/testkit';
import { PIECES, textOf, withGateway } from './harness.ts';
import type { Act } from './scripted-gateway.ts';

const TEXT = PIECES.join('');

test('a stream without a cut is one request that asks to be resumed', async () => {
  await withGateway({}, async (gateway, agent) => {
    assert.equal(await textOf(agent.stream('Hello')), TEXT);
    const [only, ...others] = gateway.seen;
    assert.equal(others.length, 0);
    assert.equal(only?.path, '/v1/responses');
    assert.equal(only.onDisconnect, 'resume');
    assert.match(only.key ?? '', /^[0-9a-f-]{36}$/);
    assert.equal(only.body['store'], false);
  });
});

test('after a cut the stream goes on behind the last event that came', async () => {
  await withGateway(
    { acts: [{ act: 'cut', bytes: 900, how: 'reset' }] },
    async (gateway, agent) => {
      assert.equal(await textOf(agent.stream('Hello')), TEXT);
      const [first, second, ...others] = gateway.paths;
      assert.equal(first, 'POST /v1/responses');
      assert.match(second ?? '', /^GET \/v1\/responses\/resp_1\?stream=true&starting_after=\d+$/);
      assert.equal(others.length, 0);
    },
  );
});

test('a cut before the run has a name sends the same request with the same key', async () => {
  const acts: Act[] = [{ act: 'lose' }, { act: 'cut', bytes: 40, how: 'reset' }];
  await withGateway({ acts }, async (gateway, agent) => {
    assert.equal(await agent.call('Hello'), TEXT);
    assert.deepEqual(new Set(gateway.paths), new Set(['POST /v1/responses']));
    assert.equal(gateway.seen.length, 3);
    assert.equal(gateway.runs, 1);
    assert.deepEqual(gateway.seen[2]?.body, gateway.seen[0]?.body);
  });
});

test('the error event of a gateway that stops is not an end', async () => {
  const acts: Act[] = [
    { act: 'fail', events: 4, code: 'shutting_down' },
    { act: 'fail', events: 0, code: 'shutting_down' },
  ];
  await withGateway({ acts }, async (gateway, agent) => {
    assert.equal(await textOf(agent.stream('Hello')), TEXT);
    const resumed = 'GET /v1/responses/resp_1?stream=true&starting_after=3';
    assert.deepEqual(gateway.paths, ['POST /v1/responses', resumed, resumed]);
  });
});

test('a 503 of a gateway that stops is tried again, whatever it says of retries', async () => {
  const headers = { 'retry-after-ms': '5', 'x-should-retry': 'false' };
  const refuse: Act = { act: 'refuse', status: 503, code: 'shutting_down', headers };
  const acts: Act[] = [refuse, { act: 'cut', bytes: 900, how: 'reset' }, refuse, refuse];
  await withGateway({ acts }, async (gateway, agent) => {
    assert.equal(await textOf(agent.stream('Hello')), TEXT);
    assert.equal(gateway.seen.length, 5);
    assert.equal(gateway.runs, 1);
  });
});

test('a connection on which nothing comes any more counts as cut', async () => {
  const acts: Act[] = [{ act: 'hold', events: 5 }];
  await withGateway({ acts, limits: { idleTimeoutMs: 300 } }, async (gateway, agent) => {
    assert.equal(await textOf(agent.stream('Hello')), TEXT);
    assert.match(gateway.paths.at(-1) ?? '', /^GET /);
  });
});

test('a reader who takes his time is not cut off', async () => {
  // More than sockets hold: some of it is read after the pause.
  const pieces = Array.from({ length: 200 }, () => 'x'.repeat(20_000));
  await withGateway({ pieces, limits: { idleTimeoutMs: 1_500 } }, async (gateway, agent) => {
    let text = '';
    for await (const piece of agent.stream('Hello')) {
      if (text === '') await delay(2_000);
      text += piece;
    }
    assert.equal(text, pieces.join(''));
    assert.equal(gateway.seen.length, 1);
  });
});

test('events that come twice are given out once', async () => {
  const acts: Act[] = [{ act: 'cut', bytes: 1_100, how: 'reset' }, { act: 'repeat' }];
  await withGateway({ acts }, async (_, agent) => {
    assert.equal(await textOf(agent.stream('Hello')), TEXT);
  });
});

test('an event that is left out is asked for again, never skipped', async () => {
  await withGateway({ acts: [{ act: 'skip', number: 6 }] }, async (gateway, agent) => {
    assert.equal(await textOf(agent.stream('Hello')), TEXT);
    assert.match(gateway.paths[1] ?? '', /starting_after=5$/);
  });
});

test('cuts at any byte, and stops at any event, leave the text and the events whole', async (t) => {
  const random = seededRandom(testSeed(t));
  const cut = (): Act => ({
    act: 'cut',
    bytes: random.int(0, 2_500),
    how: random.pick(['reset', 'end']),
  });
  const stop = (): Act => ({ act: 'fail', events: random.int(0, 12), code: 'shutting_down' });
  const rounds = Array.from({ length: 60 }, () =>
    Array.from({ length: random.int(1, 4) }, () => random.pick([cut, cut, stop])()),
  );
  const cuts = rounds.map((acts) => {
    const described = JSON.stringify(acts);
    return withGateway({ acts }, async (gateway, agent) => {
      let text = '';
      const numbers: number[] = [];
      for await (const event of agent.stream('Hello').events()) {
        numbers.push(event.sequence_number);
        if (event.type === 'response.output_text.delta') text += event.delta;
      }
      assert.equal(text, TEXT, described);
      assert.deepEqual(numbers, [...numbers.keys()], described);
      assert.equal(numbers.length, PIECES.length + 5, described);
      assert.equal(gateway.runs, 1, described);
      return gateway.seen.length - 1;
    });
  });
  const counts = await Promise.all(cuts);
  t.diagnostic(`${counts.reduce((sum, count) => sum + count, 0)} resumed connections`);
});

leakGuard();
