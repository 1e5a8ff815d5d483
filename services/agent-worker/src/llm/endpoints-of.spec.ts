import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentsFile } from '@switchboard/contract';
import { ConfigError } from '@switchboard/platform/config';
import { readNamedSecret, readWorkerConfig } from '../config.ts';
import { endpointsOf } from './endpoints-of.ts';

const CLOUD = { name: 'cloud', base_url: 'https://cloud.example/v1', api_key_env: 'CLOUD_KEY' };
const LOCAL = { name: 'local', base_url: 'http://127.0.0.1:11434/v1', api: 'responses' };
const NEEDS_FILE = { AGENTS_FILE: 'agents.yaml' };

function endpoints(
  file: { agents: readonly object[]; providers?: readonly object[] },
  env: Record<string, string> = {},
) {
  const agents = file.agents.map((agent, index) => ({ name: `a${index}`, model: 'm', ...agent }));
  const parsed = AgentsFile.parse({ ...file, agents });
  const config = readWorkerConfig({ ...NEEDS_FILE, ...env });
  return endpointsOf(parsed, config, (name) => readNamedSecret(name, env));
}

function problemsOf(...given: Parameters<typeof endpoints>): readonly string[] {
  try {
    endpoints(...given);
    return [];
  } catch (thrown) {
    assert.ok(thrown instanceof ConfigError);
    return thrown.problems;
  }
}

test('a file of endpoints of its own needs no other', () => {
  const [cloud, local, ...more] = endpoints(
    { agents: [{ provider: 'cloud' }], providers: [CLOUD, { ...LOCAL, concurrency: 3 }] },
    { CLOUD_KEY: 'k', POOL_SIZE: '7' },
  );
  assert.deepEqual(more, []);
  assert.deepEqual([cloud?.apiKey, cloud?.connections, cloud?.api], ['k', 7, 'chat_completions']);
  assert.deepEqual([local?.apiKey, local?.connections, local?.api], [undefined, 3, 'responses']);
});

test('a key that is missing is named with its provider, all of them at once', () => {
  const other = { ...CLOUD, name: 'other', api_key_env: 'OTHER_KEY' };
  const agents = [{ provider: 'cloud', fallback: [{ provider: 'other', model: 'm' }] }];
  assert.deepEqual(problemsOf({ agents, providers: [CLOUD, other] }), [
    'CLOUD_KEY: must be set: it is the key of the provider cloud',
    'OTHER_KEY: must be set: it is the key of the provider other',
  ]);
});

test('a key that only other pools need may be missing: its provider is not there', () => {
  const agents = [{ provider: 'local' }, { provider: 'cloud', pool: 'paid' }];
  const file = { agents, providers: [CLOUD, LOCAL] };
  assert.deepEqual(
    endpoints(file).map(({ name }) => name),
    ['local'],
  );
  assert.equal(problemsOf(file, { WORKER_POOL: 'paid' }).length, 1);
});

test('the endpoint of the variables is there when it can be, and must be when it is named', () => {
  const agents = [{ provider: 'local' }, { fallback: [{ provider: 'local', model: 'm' }] }];
  const [problem] = problemsOf({ agents, providers: [LOCAL] });
  assert.match(problem ?? '', /^OPENAI_BASE_URL and OPENAI_API_KEY: set the first/);
  const named = endpoints({ agents, providers: [LOCAL] }, { OPENAI_API_KEY: 'k' });
  assert.deepEqual(
    named.map(({ baseUrl, name }) => [name, baseUrl]),
    [
      ['local', LOCAL.base_url],
      ['default', 'https://api.openai.com/v1'],
    ],
  );
});

test('a file may define the default endpoint itself', () => {
  const providers = [{ ...LOCAL, name: 'default' }];
  const [one, ...more] = endpoints({ agents: [{}], providers }, { OPENAI_API_KEY: 'k' });
  assert.deepEqual([one?.baseUrl, one?.apiKey, more], [LOCAL.base_url, undefined, []]);
});

test('a key may be in a file, and not in two places', () => {
  const file = { agents: [{ provider: 'cloud' }], providers: [CLOUD] };
  const both = { CLOUD_KEY: 'hidden', CLOUD_KEY_FILE: '/hidden' };
  assert.deepEqual(problemsOf(file, both), [
    'CLOUD_KEY and CLOUD_KEY_FILE: set only one of them (provider cloud)',
  ]);
  const [gone] = problemsOf(file, { CLOUD_KEY_FILE: '/no/such/file' });
  assert.equal(gone, 'CLOUD_KEY_FILE: the file cannot be read (ENOENT) (provider cloud)');
});
