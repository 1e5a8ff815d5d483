/** Every fault of the simulator, met by retries, by a fallback and by the circuit breaker. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from '@switchboard/testkit';
import { startProviderRig, textIn } from './provider-rig.ts';
import type { Api, Ask, ProviderRig, Used } from './provider-rig.ts';

let rig: ProviderRig;
before(async () => {
  rig = await startProviderRig();
});
after(() => rig.close());

/** Short where silence is what is tested, long enough for a busy machine everywhere else. */
const SHORT = { first_token_timeout: 1, idle_timeout: 0.8 };
const limitsFor = (code: string) => (code.endsWith('_timeout') ? SHORT : {});
/** What `hello` is estimated at. */
const PROMPT = 6;
/** The answer of `b`. */
const HELP = 'tokens=2';
const FALLBACK = { fallback: [{ provider: 'b', model: HELP }] };

interface FaultCase {
  readonly script: string;
  readonly code: string;
  /** Calls of a provider that may be tried again once. */
  readonly calls: 1 | 2;
  /** Tokens of one call: undefined where it cost nothing. */
  readonly completion?: number;
  /** Whether another provider is asked. */
  readonly elsewhere: boolean;
  /** Whether it says that the provider is ill. */
  readonly ill: boolean;
}

const sick = { elsewhere: true, ill: true };
const shown = { elsewhere: false, ill: true };

const FAULTS: readonly FaultCase[] = [
  { script: 'error=400', code: 'provider_rejected', calls: 1, elsewhere: false, ill: false },
  { script: 'error=401', code: 'provider_auth', calls: 1, elsewhere: true, ill: false },
  { script: 'error=429', code: 'provider_rate_limited', calls: 2, elsewhere: true, ill: false },
  { script: 'error=500', code: 'provider_error', calls: 2, ...sick },
  { script: 'error=503', code: 'provider_error', calls: 2, ...sick },
  { script: 'status_html=1', code: 'provider_bad_response', calls: 2, ...sick },
  { script: 'hang=1', code: 'first_token_timeout', calls: 1, completion: 0, ...sick },
  { script: 'cut=0', code: 'provider_stream_cut', calls: 2, completion: 0, ...sick },
  { script: 'stall=0', code: 'first_token_timeout', calls: 1, completion: 0, ...sick },
  { script: 'malformed=0', code: 'provider_bad_response', calls: 1, completion: 0, ...sick },
  { script: 'error_chunk=0', code: 'provider_error', calls: 1, completion: 0, ...sick },
  { script: 'cut=2,tokens=5', code: 'provider_stream_cut', calls: 1, completion: 2, ...shown },
  { script: 'stall=2,tokens=5', code: 'idle_timeout', calls: 1, completion: 2, ...shown },
  {
    script: 'malformed=2,tokens=5',
    code: 'provider_bad_response',
    calls: 1,
    completion: 2,
    ...shown,
  },
  { script: 'error_chunk=2,tokens=5', code: 'provider_error', calls: 1, completion: 2, ...shown },
];

/** What so many calls that were cut off are estimated at. */
function estimate({ completion }: FaultCase, calls: number): Used | undefined {
  if (completion === undefined) return undefined;
  return {
    prompt: PROMPT * calls,
    completion: completion * calls,
    estimated: true,
    cost: undefined,
  };
}

for (const api of ['chat_completions', 'responses'] as const satisfies readonly Api[]) {
  describe(`${api}: alone, with one retry`, { concurrency: 4 }, () => {
    for (const fault of FAULTS) {
      test(`${fault.script} is ${fault.code} after ${fault.calls} call(s)`, async () => {
        const fields = { ...limitsFor(fault.code), max_retries: 1 };
        const ask = { script: fault.script, fields };
        const { code, calls, used } = await rig.outcome(rig.providers({ api }), ask);
        // An error in the stream has a code of its own here, which says that it may pass.
        const again = api === 'responses' && fault.script === 'error_chunk=0';
        assert.equal(code, fault.code);
        assert.deepEqual(calls, { a: again ? 2 : fault.calls, b: 0 });
        assert.deepEqual(used, estimate(fault, calls.a));
      });
    }
  });

  describe(`${api}: with a fallback`, { concurrency: 4 }, () => {
    for (const fault of FAULTS) {
      const what = fault.elsewhere ? 'is answered by the next one' : `stays ${fault.code}`;
      test(`${fault.script} ${what}`, async () => {
        const fields = { ...limitsFor(fault.code), ...FALLBACK };
        const prices = { [HELP]: { input: 1_000_000, output: 2_000_000 } };
        const providers = rig.providers({ api, prices });
        const { code, calls, events, used } = await rig.outcome(providers, {
          script: fault.script,
          fields,
        });
        if (!fault.elsewhere) {
          assert.deepEqual([code, calls], [fault.code, { a: 1, b: 0 }]);
          assert.deepEqual(used, estimate(fault, 1));
          return;
        }
        assert.deepEqual([code, calls], ['completed', { a: 1, b: 1 }]);
        assert.equal(textIn(events), 'Lorem ipsum');
        const cut = estimate(fault, 1);
        assert.ok(used !== undefined);
        const prompt = used.prompt - (cut?.prompt ?? 0);
        assert.ok(prompt > 0, 'the prompt of the second call is not in it');
        assert.deepEqual(used, {
          prompt: (cut?.prompt ?? 0) + prompt,
          completion: 2,
          estimated: cut !== undefined,
          // Dollars for a token: only the second provider's model has a price.
          cost: prompt + 2 * 2,
        });
      });
    }
  });

  describe(`${api}: with a circuit breaker`, { concurrency: 4 }, () => {
    for (const fault of FAULTS) {
      const what = fault.ill ? 'opens the circuit' : 'does not open it';
      test(`${fault.script}, five times, ${what}`, async () => {
        const providers = rig.providers({ api });
        const ask = { script: fault.script, fields: limitsFor(fault.code) };
        await Promise.all(Array.from({ length: 5 }, () => rig.outcome(providers, ask)));
        const later = await rig.outcome(providers, ask);
        if (!fault.ill) {
          assert.deepEqual([later.code, later.calls.a], [fault.code, 1]);
          return;
        }
        assert.deepEqual([later.code, later.calls], ['provider_unavailable', { a: 0, b: 0 }]);
        assert.equal(later.used, undefined);
        const { retryAfterMs } = Object(later.error) as { retryAfterMs?: number };
        assert.ok(retryAfterMs !== undefined && retryAfterMs > 0 && retryAfterMs <= 10_000);
        const fields = { ...FALLBACK, max_retries: 5 };
        const helped = await rig.outcome(providers, { script: fault.script, fields });
        assert.deepEqual([helped.code, helped.calls], ['completed', { a: 0, b: 1 }]);
        const [first, second] = providers.states;
        assert.deepEqual([...(first?.circuits ?? [])], [[fault.script, 'open']]);
        assert.deepEqual([first?.running, second?.circuits.size], [0, 0]);
        const other = await rig.outcome(providers, { script: 'tokens=1' });
        assert.equal(other.code, 'completed', 'another model of the same provider is kept away');
      });
    }
  });
}

describe('an answer in one piece', () => {
  for (const api of ['chat_completions', 'responses'] as const) {
    test(`falls back when it cannot be read, and when it stalls: ${api}`, async () => {
      for (const fault of ['cut=1,tokens=5', 'malformed=1,tokens=5', 'stall=1,tokens=5']) {
        const fields = { ...SHORT, ...FALLBACK };
        const ask = { script: fault, fields, stream: false };
        const { code, calls, used } = await rig.outcome(rig.providers({ api }), ask);
        assert.deepEqual([code, calls], ['completed', { a: 1, b: 1 }], fault);
        assert.deepEqual([used?.completion, used?.estimated], [2, true]);
      }
    });
  }
});

describe('a provider that has been ill', () => {
  /** Thinks, and fails five times for each request id. */
  const SICK = 'error=500,times=5,think=300ms,tokens=2';

  /** A provider whose circuit could be tried now, and a way to ask it again. */
  async function pauseOver(requestId: string, script = SICK) {
    let nowMs = 0;
    const providers = rig.providers({}, () => nowMs);
    const askAgain = (more: Partial<Ask> = {}) =>
      rig.outcome(providers, { script, requestId, ...more });
    await Promise.all(Array.from({ length: 5 }, () => askAgain()));
    assert.equal((await askAgain()).code, 'provider_unavailable');
    nowMs += 10_000;
    return { askAgain, circuit: () => providers.states[0]?.circuits.get(script) };
  }

  test('is tried by one call, and by all when that has begun to answer', async () => {
    const { askAgain, circuit } = await pauseOver('tried');
    const fields = FALLBACK;
    const outcomes = await Promise.all([askAgain(), askAgain(), askAgain({ fields })]);
    assert.deepEqual(
      outcomes.map(({ code }) => code),
      ['completed', 'provider_unavailable', 'completed'],
    );
    // Five that failed, and the try; the third run was helped by the other provider.
    assert.deepEqual(outcomes[0]?.calls, { a: 6, b: 1 });
    assert.equal(circuit(), undefined);
    assert.equal((await askAgain()).code, 'completed');
  });

  test('is tried by the next call when the caller of the first leaves', async () => {
    const { askAgain, circuit } = await pauseOver('left', 'error=500,times=5,think=3s');
    // The circuit is being tried a moment before the provider knows of the call.
    const asked = (times: number) => async () =>
      circuit() === 'half_open' && (await rig.callsAt('a', 'left')) === times;
    const leave = new AbortController();
    const first = askAgain({ signal: leave.signal });
    await until(asked(6), { what: 'the try' });
    leave.abort(new Error('the caller left'));
    assert.equal((await first).code, 'the caller left');
    const again = new AbortController();
    const second = askAgain({ signal: again.signal });
    await until(asked(7), { what: 'the second try' });
    again.abort(new Error('left, too'));
    assert.equal((await second).calls.a, 7);
  });

  test('is left alone for another pause when the try fails', async () => {
    const { askAgain, circuit } = await pauseOver('worse', 'error=500');
    assert.equal((await askAgain()).code, 'provider_error');
    assert.equal(circuit(), 'open');
    assert.equal((await askAgain()).code, 'provider_unavailable');
  });
});

describe('the chain', () => {
  const chain = (...models: readonly string[]) =>
    models.map((model, index) => ({ provider: index % 2 === 0 ? 'b' : 'a', model }));

  test('is gone through in its order, with the retries of each', async () => {
    const fallback = chain('error=503', 'error=401', 'tokens=1');
    const fields = { fallback, max_retries: 2 };
    const ask = { script: 'error=500', fields };
    rig.takeLines();
    const { code, calls } = await rig.outcome(rig.providers(), ask);
    assert.deepEqual([code, calls], ['completed', { a: 3 + 1, b: 3 + 1 }]);
    const over = rig.takeLines().find(({ message }) => message === 'run over');
    assert.deepEqual(
      [over?.['outcome'], over?.['calls'], over?.['retries'], over?.['fallbacks']],
      ['completed', 8, 4, 3],
    );
  });

  test('ends with the failure of the last one', async () => {
    const fields = { fallback: chain('error=401') };
    const { code, calls } = await rig.outcome(rig.providers(), { script: 'error=500', fields });
    assert.deepEqual([code, calls], ['provider_auth', { a: 1, b: 1 }]);
  });

  test('counts the time to the first token for each: one that hangs leaves time enough', async () => {
    const fields = { first_token_timeout: 2, fallback: chain('think=1200ms,tokens=1') };
    const { code } = await rig.outcome(rig.providers(), { script: 'hang=1', fields });
    assert.equal(code, 'completed');
  });

  test('cuts off the last one as it would the only one', async () => {
    const fields = { ...SHORT, fallback: chain('hang=1') };
    const { code, used } = await rig.outcome(rig.providers(), { script: 'hang=1', fields });
    assert.deepEqual([code, used?.prompt], ['first_token_timeout', 2 * PROMPT]);
  });

  test('watches the silence of the second one, too', async () => {
    const fields = { ...SHORT, fallback: chain('stall=1,tokens=3') };
    const { code, calls, used } = await rig.outcome(rig.providers(), {
      script: 'error=503',
      fields,
    });
    assert.deepEqual([code, calls, used?.completion], ['idle_timeout', { a: 1, b: 1 }, 1]);
  });

  test('does not wait for one that asks for a long pause', async () => {
    const fields = { first_token_timeout: 60, ...FALLBACK, max_retries: 3 };
    const ask = { script: 'error=429,retry_after=20', fields };
    const { code, calls } = await rig.outcome(rig.providers(), ask);
    assert.deepEqual([code, calls], ['completed', { a: 1, b: 1 }]);
  });

  test('ends at the time-out of the run', async () => {
    const fields = { first_token_timeout: 1, timeout: 1.5, fallback: chain('hang=1', 'tokens=1') };
    const { code } = await rig.outcome(rig.providers(), { script: 'hang=1', fields });
    assert.equal(code, 'run_timeout');
  });

  test('goes past a provider that nobody listens for, and one that is not there', async () => {
    const providers = rig.providers();
    const shared = { apiKey: undefined, connections: 1, prices: {} };
    const b = { name: 'b', baseUrl: `${rig.urls.b}/v1`, ...shared };
    providers.replace([{ name: 'a', baseUrl: 'http://127.0.0.1:1/v1', ...shared }, b]);
    const ask = { script: 'tokens=1', fields: FALLBACK };
    assert.deepEqual((await rig.outcome(providers, ask)).calls, { a: 0, b: 1 });
    providers.replace([b]);
    const outcome = await rig.outcome(providers, ask);
    assert.deepEqual([outcome.code, outcome.calls], ['completed', { a: 0, b: 1 }]);
    assert.equal(
      (await rig.outcome(providers, { script: 'tokens=1' })).code,
      'provider_unavailable',
    );
  });
});
