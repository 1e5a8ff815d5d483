import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coversRuns, readWorkerConfig } from './config.ts';

const problemsOf = (env: Record<string, string>): string => {
  try {
    readWorkerConfig(env);
    return '';
  } catch (thrown) {
    return String(thrown);
  }
};

test('an endpoint or a key is enough, and the rest has defaults', () => {
  const local = readWorkerConfig({ OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1' });
  assert.equal(local.openaiApiKey, undefined);
  assert.equal(local.poolSize, 10);
  assert.equal(local.drainTimeoutMs, 620_000);
  assert.match(local.workerName, /-\d+$/);
  assert.equal(readWorkerConfig({ OPENAI_API_KEY: 'k' }).openaiBaseUrl, undefined);
});

test('with neither, both are named', () => {
  assert.match(problemsOf({}), /OPENAI_BASE_URL and OPENAI_API_KEY: set the first/);
});

test('all problems come together, by name and without their values', () => {
  const problems = problemsOf({
    OPENAI_BASE_URL: 'http://user:hidden@host/v1',
    POOL_SIZE: '0',
    WORKER_POOL: 'hidden pool',
    NATS_TOKEN: 'hidden',
    NATS_USER: 'hidden',
  });
  for (const name of ['OPENAI_BASE_URL', 'POOL_SIZE', 'WORKER_POOL', 'NATS_TOKEN', 'NATS_PASSWORD'])
    assert.ok(problems.includes(name), `${name} is not named`);
  assert.equal(problems.includes('hidden'), false);
});

test('a drain that is shorter than the longest run and its end is refused, unless it is allowed', () => {
  const agents = [
    { name: 'brief', timeout: 30 },
    { name: 'long/*', timeout: 90.5 },
  ];
  const covers = (env: Record<string, string>): boolean =>
    coversRuns(readWorkerConfig({ OPENAI_API_KEY: 'k', ...env }), agents);
  assert.equal(covers({}), true);
  assert.equal(covers({ DRAIN_TIMEOUT_MS: '100500' }), true);
  assert.throws(() => covers({ DRAIN_TIMEOUT_MS: '100499' }), {
    name: 'ConfigError',
    message:
      /DRAIN_TIMEOUT_MS: 100499 .* long\/\* .* 90500 ms.* least 100500,.* ALLOW_SHORT_DRAIN=true/,
  });
  assert.equal(covers({ DRAIN_TIMEOUT_MS: '100499', ALLOW_SHORT_DRAIN: 'true' }), false);
  assert.equal(covers({ DRAIN_TIMEOUT_MS: '100499', ALLOW_SHORT_DRAIN: '1' }), false);
});

test('the watchdog is off, or patient enough for what is no fault', () => {
  const of = (value: string) => readWorkerConfig({ OPENAI_API_KEY: 'k', WATCHDOG_MS: value });
  assert.equal(of('0').watchdogMs, 0);
  assert.equal(of('2000').watchdogMs, 2_000);
  assert.match(problemsOf({ OPENAI_API_KEY: 'k', WATCHDOG_MS: '1999' }), /WATCHDOG_MS: 0, or at/);
});
