/** Each way in which a model endpoint can fail, as the caller sees it, and the calls it takes. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { leakGuard } from '@switchboard/testkit';

import { ask, chatBody } from '../chat.ts';
import type { Answer } from '../chat.ts';
import { TestStack } from '../test-stack.ts';

/** Where nobody listens. */
const NOWHERE = 'http://127.0.0.1:9/v1';

const LIMITS = {
  first_token_timeout: 3,
  idle_timeout: 1,
  timeout: 4,
  max_retries: 1,
};

let stack: TestStack;

before(async () => {
  stack = await TestStack.start({
    poolSize: 40,
    agents: [
      { name: 'sim/*', model: '*', ...LIMITS },
      { name: 'nowhere', model: 'any', pool: 'nowhere', ...LIMITS },
    ],
  });
  await stack.stack.addWorker({ WORKER_POOL: 'nowhere', OPENAI_BASE_URL: NOWHERE });
});
after(async () => await stack.stop());

interface FailureCase {
  readonly name: string;
  readonly model: string;
  readonly stream?: boolean;
  readonly code: string;
  readonly status: number;
  /** How often the model is called. */
  readonly calls: number;
  /** Text that is shown before the error. */
  readonly text?: string;
  /** It takes longer than the head of a stream is held, so the error is always in the stream. */
  readonly slow?: true;
  readonly retryAfter?: string;
  readonly param?: string;
}

const error = { code: 'provider_error', status: 502 };
const cut = { code: 'provider_stream_cut', status: 502 };
const bad = { code: 'provider_bad_response', status: 502 };
const shown = { stream: true, text: 'Lorem ipsum dolor', calls: 1 };

/** Streamed and not, unless `stream` says which. */
const CASES: readonly FailureCase[] = [
  {
    name: 'a 429 with a Retry-After beyond what is waited for',
    model: 'sim/error=429,retry_after=40',
    code: 'provider_rate_limited',
    status: 503,
    calls: 1,
    retryAfter: '40',
  },
  {
    name: 'a 429 that stays',
    model: 'sim/error=429,retry_after=0.1',
    code: 'provider_rate_limited',
    status: 503,
    calls: 2,
    retryAfter: '1',
  },
  { name: 'a 500 that stays', model: 'sim/error=500', ...error, calls: 2 },
  { name: 'a 503 that stays', model: 'sim/error=503', ...error, calls: 2 },
  {
    name: 'a 400',
    model: 'sim/error=400',
    code: 'provider_rejected',
    status: 400,
    calls: 1,
  },
  { name: 'a 401', model: 'sim/error=401', code: 'provider_auth', status: 502, calls: 1 },
  { name: 'a web page', model: 'sim/status_html=1', ...bad, calls: 2 },
  { name: 'a cut before anything was shown', model: 'sim/cut=0', ...cut, calls: 2 },
  { name: 'a cut in the stream', model: 'sim/tokens=9,cut=3', ...cut, ...shown },
  { name: 'a cut in the body', model: 'sim/tokens=9,cut=3', ...cut, stream: false, calls: 2 },
  { name: 'broken JSON', model: 'sim/malformed=0', ...bad, calls: 1 },
  { name: 'broken JSON in the stream', model: 'sim/tokens=9,malformed=3', ...bad, ...shown },
  { name: 'an error instead of an answer', model: 'sim/error_chunk=0', ...error, calls: 1 },
  { name: 'an error in the stream', model: 'sim/tokens=9,error_chunk=3', ...error, ...shown },
  {
    name: 'no answer at all',
    model: 'sim/hang=1',
    code: 'first_token_timeout',
    status: 504,
    stream: true,
    calls: 1,
    slow: true,
  },
  {
    name: 'headers and then nothing',
    model: 'sim/stall=0',
    code: 'first_token_timeout',
    status: 504,
    stream: true,
    calls: 1,
    slow: true,
  },
  {
    name: 'silence in the stream',
    model: 'sim/tokens=9,stall=3',
    code: 'idle_timeout',
    status: 504,
    ...shown,
  },
  {
    name: 'a stream that takes too long',
    model: 'sim/tokens=2000,pace=100ms',
    code: 'run_timeout',
    status: 504,
    stream: true,
    calls: 1,
    slow: true,
  },
  {
    name: 'no answer at all',
    model: 'sim/hang=1',
    code: 'run_timeout',
    status: 504,
    stream: false,
    calls: 1,
  },
  {
    name: 'silence in the body',
    model: 'sim/tokens=9,stall=3',
    code: 'idle_timeout',
    status: 504,
    stream: false,
    calls: 1,
  },
  {
    name: 'nobody there',
    model: 'nowhere',
    code: 'provider_unreachable',
    status: 502,
    calls: 0,
  },
];

function assertHead(answer: Answer, failure: FailureCase): void {
  assert.equal(answer.status, failure.status);
  assert.equal(answer.headers.get('x-should-retry'), 'false');
  assert.equal(answer.headers.get('retry-after'), failure.retryAfter ?? null);
}

function assertFailed(answer: Answer, stream: boolean, failure: FailureCase): void {
  assert.equal(answer.error?.code, failure.code);
  assert.equal(answer.complete, false);
  // The head of a stream is held for a second only, and two tries may take longer than that.
  const begun = stream && (failure.calls > 1 || failure.model === 'nowhere');
  if (failure.slow === true || failure.text !== undefined || (begun && answer.status === 200)) {
    assert.equal(answer.status, 200);
  } else {
    assertHead(answer, failure);
  }
  if (failure.text !== undefined) assert.equal(answer.text, failure.text);
  // Nothing of the provider's own words about keys and accounts, nothing of ours about addresses.
  assert.doesNotMatch(answer.error?.message ?? '', /127\.0\.0\.1|API key|ECONN/);
}

describe('a model endpoint that fails', { concurrency: true }, () => {
  for (const [index, failure] of CASES.entries()) {
    const forms = failure.stream === undefined ? [true, false] : [failure.stream];
    for (const stream of forms) {
      const form = stream ? 'streaming' : 'not streaming';
      const calls = `${failure.calls} call${failure.calls === 1 ? '' : 's'}`;
      it(`with ${failure.name} is ${failure.code} after ${calls}, ${form}`, async () => {
        const requestId = `failure-${index}-${String(stream)}`;
        const answer = await ask(stack.url, chatBody(failure.model, { stream }), { requestId });
        assertFailed(answer, stream, failure);
        assert.equal((await stack.simulator.runsOf(requestId)).length, failure.calls);
      });
    }
  }

  for (const stream of [true, false]) {
    const form = stream ? 'streaming' : 'not streaming';
    for (const fault of ['error=500', 'error=429,retry_after=0.1', 'cut=0', 'status_html=1']) {
      it(`with ${fault} and then answers is not noticed by the caller, ${form}`, async () => {
        const requestId = `passes-${fault.replaceAll(/\W/g, '-')}-${String(stream)}`;
        const body = chatBody(`sim/tokens=3,${fault},times=1`, { stream });
        const answer = await ask(stack.url, body, { requestId });
        assert.deepEqual([answer.complete, answer.text], [true, 'Lorem ipsum dolor']);
        assert.equal((await stack.simulator.runsOf(requestId)).length, 2);
      });
    }
  }
});

describe('after all of these failures', () => {
  it('no run is left in the model and none in the queue', async () => {
    await stack.idle();
    await stack.queueEmpty('nowhere');
  });
});

leakGuard();
