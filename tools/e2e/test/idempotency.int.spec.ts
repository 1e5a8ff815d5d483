/** `Idempotency-Key` and what becomes of the run of a caller who left, over two gateways. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';

import { leakGuard } from '@switchboard/testkit';

import { ask, chat, chatBody } from '../chat.ts';
import { keyedChat, readChat } from '../keyed-chat.ts';
import { TestStack } from '../test-stack.ts';

const WINDOW_MS = 1_000;
/** What closing may take beyond the window: a promise, not a measurement. */
const GRACE_MS = 1_000;
const ENDLESS = chatBody('sim/tokens=2000,pace=50ms', { stream: true });
const TWO_SECONDS = chatBody('sim/tokens=40,pace=50ms', { stream: true });

let stack: TestStack;
let urls: readonly [string, string];
let wholeText = '';

before(async () => {
  stack = await TestStack.start({
    gateways: 2,
    gatewayEnv: { RESUME_WINDOW_MS: String(WINDOW_MS) },
  });
  const [one, other] = stack.stack.gateways;
  assert.ok(one !== undefined && other !== undefined);
  urls = [one.url, other.url];
  wholeText = (await ask(stack.url, chatBody('sim/tokens=40'))).text;
});
after(async () => await stack.stop());
afterEach(async () => await stack.idle());

/** Now, on the clock of the simulator's log. */
const nowMs = (): number => performance.timeOrigin + performance.now();

/** The one call that a request has led to. */
async function onlyRun(requestId: string) {
  await stack.idle();
  const [run, ...others] = await stack.simulator.runsOf(requestId);
  assert.ok(run !== undefined && others.length === 0, `not one run of ${requestId}`);
  return run;
}

describe('50 equal requests with one key at once over two gateways', () => {
  for (const route of ['chat/completions', 'responses']) {
    for (const stream of [false, true]) {
      it(`lead to one call of the model and 50 equal answers: ${route}, stream ${stream}`, async () => {
        await stack.simulator.reset();
        const model = 'sim/think=200ms,tokens=20,pace=5ms';
        const body =
          route === 'responses' ? { model, input: 'Hello', stream } : chatBody(model, { stream });
        const answers = await Promise.all(
          Array.from({ length: 50 }, async (_, index) => {
            const response = await fetch(`${urls[index % 2]}/v1/${route}`, {
              method: 'POST',
              headers: {
                'content-type': 'application/json',
                'idempotency-key': `storm-${route}-${stream}`,
              },
              body: JSON.stringify(body),
            });
            return { status: response.status, text: await response.text() };
          }),
        );
        assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
        const bodies = new Set(answers.map(({ text }) => text.replaceAll(/^: \w+\n\n/gm, '')));
        assert.equal(bodies.size, 1);
        assert.match([...bodies][0] ?? '', /Lorem/);
        await stack.idle();
        assert.equal((await stack.simulator.counts()).started, 1);
      });
    }
  }

  it('with another body is a 409 at the other gateway, and calls nothing', async () => {
    const headers = { 'idempotency-key': 'conflict' };
    const body = chatBody('sim/tokens=2');
    assert.equal((await ask(urls[0], body, { headers, requestId: 'conflict' })).status, 200);
    const other = { ...body, temperature: 0 };
    const refused = await ask(urls[1], other, { headers, requestId: 'conflicting' });
    assert.deepEqual([refused.status, refused.error?.code], [409, 'idempotency_conflict']);
    assert.deepEqual(await stack.simulator.runsOf('conflicting'), []);
  });
});

describe('a stream with a key', () => {
  it('that is cut and sent again to the other gateway goes on where it was cut', async () => {
    const requestId = 'cut';
    const start = await keyedChat(urls[0], TWO_SECONDS, { key: 'cut', requestId }, 8);
    const rest = await keyedChat(urls[1], TWO_SECONDS, {
      key: 'cut',
      requestId,
      after: start.ids.at(-1),
    });
    assert.equal(start.done, false);
    assert.equal(rest.done, true);
    assert.equal(start.text + rest.text, wholeText);
    const numbers = [...start.ids, ...rest.ids].map((id) => Number(id.split(':')[1]));
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
    );
    assert.equal((await onlyRun(requestId)).outcome, 'finished');
  });

  it('is read whole at the other gateway long after it has ended', async () => {
    const again = await keyedChat(urls[1], TWO_SECONDS, { key: 'cut', requestId: 'again' });
    assert.deepEqual([again.done, again.text], [true, wholeText]);
    assert.deepEqual(await stack.simulator.runsOf('again'), []);
  });

  it('that is cut and read on from the other gateway past its window is not cancelled', async () => {
    const requestId = 'long';
    const body = chatBody('sim/tokens=80,pace=50ms', { stream: true });
    const start = await keyedChat(urls[0], body, { key: 'long', requestId }, 4);
    // Four seconds of stream are left, and the window is one.
    const last = start.ids.at(-1);
    const rest = await keyedChat(urls[1], body, { key: 'long', requestId, after: last });
    assert.equal(rest.done, true);
    assert.equal((await onlyRun(requestId)).outcome, 'finished');
  });

  it('that is cut twice, at both gateways, is cancelled a window after the second cut', async () => {
    const requestId = 'twice';
    const start = await keyedChat(urls[0], ENDLESS, { key: 'twice', requestId }, 4);
    const last = start.ids.at(-1);
    await keyedChat(urls[1], ENDLESS, { key: 'twice', requestId, after: last }, 40);
    const leftAtMs = nowMs();
    const { endedAtMs, outcome } = await onlyRun(requestId);
    assert.equal(outcome, 'aborted');
    const wentOnMs = (endedAtMs ?? Infinity) - leftAtMs;
    assert.ok(wentOnMs <= WINDOW_MS + GRACE_MS, `it went on for ${wentOnMs} ms`);
    assert.ok(wentOnMs > WINDOW_MS / 2, `the window was ${wentOnMs} ms`);
  });

  it('that is cut and not sent again is closed at the provider within the window', async () => {
    const requestId = 'abandoned';
    const start = await keyedChat(urls[0], ENDLESS, { key: 'abandoned', requestId }, 4);
    const leftAtMs = nowMs();
    const { endedAtMs, outcome } = await onlyRun(requestId);
    assert.equal(outcome, 'aborted');
    const wentOnMs = (endedAtMs ?? Infinity) - leftAtMs;
    assert.ok(wentOnMs <= WINDOW_MS + GRACE_MS, `it went on for ${wentOnMs} ms`);
    assert.ok(wentOnMs > WINDOW_MS / 2, `the window was ${wentOnMs} ms`);
    // It cannot be continued, and least of all with the end of another answer.
    const last = start.ids.at(-1);
    const late = keyedChat(urls[1], ENDLESS, { key: 'abandoned', requestId: 'late', after: last });
    await assert.rejects(late, /^Error: 410: .*"code":"events_expired"/);
    assert.deepEqual(await stack.simulator.runsOf('late'), []);
    // A cancelled run is not remembered: the key runs again.
    const again = await keyedChat(urls[1], ENDLESS, { key: 'abandoned', requestId: 'anew' }, 4);
    assert.equal(again.ids.length > 0, true);
    assert.equal((await onlyRun('anew')).outcome, 'aborted');
  });
});

describe('a stream without a key', () => {
  it('cannot be continued: nothing runs for who asks for it', async () => {
    const headers = { 'last-event-id': 'gateway_0123456789012345678901:3' };
    const refused = await ask(urls[0], TWO_SECONDS, { headers, requestId: 'no-key' });
    assert.deepEqual([refused.status, refused.error?.code], [410, 'events_expired']);
    assert.deepEqual(await stack.simulator.runsOf('no-key'), []);
  });

  it('that is cut is cancelled at once', async () => {
    const leaving = new AbortController();
    const options = { requestId: 'keyless', signal: leaving.signal };
    await readChat(await chat(urls[0], ENDLESS, options), 4);
    leaving.abort();
    const leftAtMs = nowMs();
    const { endedAtMs, outcome } = await onlyRun('keyless');
    assert.equal(outcome, 'aborted');
    assert.ok((endedAtMs ?? Infinity) - leftAtMs < WINDOW_MS / 2);
  });

  it('that is cut goes on to its end if it was to continue', async () => {
    const leaving = new AbortController();
    const headers = { 'x-switchboard-on-disconnect': 'continue' };
    const options = { requestId: 'continued', signal: leaving.signal, headers };
    await readChat(await chat(urls[0], TWO_SECONDS, options), 4);
    leaving.abort();
    assert.equal((await onlyRun('continued')).outcome, 'finished');
  });
});

leakGuard();
