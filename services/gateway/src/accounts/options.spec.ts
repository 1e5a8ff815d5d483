import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as option from '@switchboard/platform/config';
import { ACCOUNT_CHECKS, ACCOUNT_OPTIONS, isLoopbackHost } from './options.ts';

const OPTIONS = option.defineOptions({
  HOST: option.string({ doc: 'Host.', default: '127.0.0.1' }),
  ...ACCOUNT_OPTIONS,
});

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    option.readConfig(OPTIONS, env, [...ACCOUNT_CHECKS]);
    return [];
  } catch (thrown) {
    assert.ok(thrown instanceof option.ConfigError);
    return thrown.problems;
  }
}

const TOKENS = { JWT_ISSUER: 'https://a', JWT_AUDIENCE: 'x' };

it('what fits together is accepted', () => {
  const fine: readonly Record<string, string>[] = [
    {},
    { HOST: 'localhost' },
    { HOST: '0.0.0.0', KEYS_FILE: 'k' },
    { HOST: '0.0.0.0', ...TOKENS, JWKS_URL: 'https://a/jwks' },
    { ...TOKENS, JWKS_URL: 'http://127.0.0.1:1/jwks' },
    { ...TOKENS, JWKS_FILE: 'jwks.json' },
    { ...TOKENS, JWT_ISSUER: 'https://a, https://b', JWKS_URL: 'https://a/1, https://b/2' },
  ];
  for (const env of fine) assert.deepEqual(problemsOf(env), [], JSON.stringify(env));
});

it('what does not is refused by name', () => {
  const wrong: readonly (readonly [env: Record<string, string>, problem: RegExp])[] = [
    [{ HOST: '0.0.0.0' }, /^HOST and KEYS_FILE and JWKS_URL and JWKS_FILE: .*npm run keys/],
    [{ HOST: '::' }, /^HOST and KEYS_FILE/],
    [{ HOST: '127.0.0.1.example.org' }, /^HOST and KEYS_FILE/],
    [{ HOST: '0.0.0.0', ...TOKENS }, /^HOST and KEYS_FILE/],
    [{ JWT_ISSUER: 'https://a' }, /^JWT_ISSUER and JWT_AUDIENCE and .*: set/],
    [{ JWKS_URL: 'https://a/jwks' }, /^JWT_ISSUER and JWT_AUDIENCE and .*: set/],
    [{ ...TOKENS, JWKS_URL: 'http://a/jwks' }, /^JWKS_URL: must be .*loopback/],
    [{ ...TOKENS, JWKS_URL: 'https://a/1,http://a/2' }, /^JWKS_URL: must be/],
    [{ ...TOKENS, JWKS_URL: 'file:///etc/passwd' }, /^JWKS_URL: must be/],
    [{ ...TOKENS, JWKS_URL: 'https://a/1', JWKS_FILE: 'x' }, /^JWKS_URL and JWKS_FILE: set only/],
    [{ ...TOKENS, JWKS_URL: 'https://a/1,https://a/2' }, /^JWT_ISSUER and JWKS_URL .*: each/],
    [{ ...TOKENS, JWT_ISSUER: 'a,b', JWKS_FILE: 'x' }, /^JWT_ISSUER and JWKS_URL .*: each/],
    [{ ...TOKENS, JWT_ISSUER: 'a,a', JWKS_URL: 'https://a/1,https://a/2' }, /^JWT_ISSUER and/],
    [{ ...TOKENS, JWT_ISSUER: 'https://a#b', JWKS_URL: 'https://a/1' }, /^JWT_ISSUER: must/],
  ];
  for (const [env, problem] of wrong) {
    const problems = problemsOf(env);
    assert.ok(
      problems.some((line) => problem.test(line)),
      `${JSON.stringify(env)}: ${problems.join(', ')}`,
    );
  }
});

it('only addresses of this machine are loopback', () => {
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1', '[::1]', 'LOCALHOST']) {
    assert.ok(isLoopbackHost(host), host);
  }
  for (const host of ['', '0.0.0.0', '::', '10.0.0.1', 'localhost.example.org', '1127.0.0.1']) {
    assert.ok(!isLoopbackHost(host), host);
  }
});
