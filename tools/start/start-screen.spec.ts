import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';

import { missingModel, modelEndpoint } from './model-endpoint.ts';
import { gatewayEnvironment, workerEnvironment } from './service-environment.ts';
import { startScreen } from './start-screen.ts';

const OPTIONS = { workers: 2, poolSize: 10, port: 8080, jsonLogs: false };
const KEY = 'sk-never-to-be-shown';

function screen(env: NodeJS.ProcessEnv, agents = ['sim/*', 'assistant']): string {
  return startScreen('http://127.0.0.1:8080', OPTIONS, modelEndpoint(env), agents);
}

describe('the start screen', () => {
  it('says which model endpoint is in use', () => {
    assert.match(screen({}), /model +the built-in simulator/);
    assert.match(screen({ OPENAI_API_KEY: '', OPENAI_BASE_URL: '' }), /the built-in simulator/);
    assert.match(screen({ OPENAI_API_KEY: KEY }), /model +api\.openai\.com\n/);
    assert.match(
      screen({ OPENAI_BASE_URL: 'http://localhost:11434/v1' }),
      /model +localhost:11434\n/,
    );
  });

  it('never shows a key or a password', () => {
    const env = { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: `https://user:${KEY}@models.example/v1` };
    assert.match(screen(env), /model +models\.example\n/);
    assert.ok(!screen(env).includes(KEY));
  });

  it('names the file for a look into NATS, and nothing of what is in it', () => {
    const text = startScreen('http://x', OPTIONS, modelEndpoint({}), [], '/tmp/a/operator.env');
    assert.match(text, /NATS +\. \/tmp\/a\/operator\.env/);
    assert.doesNotMatch(screen({}), /operator/);
  });

  it('shows a call of an agent that there is', () => {
    assert.match(screen({}), /"model":"assistant"/);
    assert.match(screen({}, ['open/*', 'support']), /"model":"support"/);
  });

  it('shows the address, the reference, a curl line and how to stop', () => {
    const text = screen({});
    for (const part of ['http://127.0.0.1:8080/v1', '/docs', 'curl -N', 'new OpenAI', 'Ctrl-C']) {
      assert.ok(text.includes(part), part);
    }
    assert.match(text, /20 \(2 workers x 10 slots\)/);
  });
});

describe('the start screen and keys', () => {
  const shown = (agents: readonly string[] | undefined) =>
    startScreen('http://127.0.0.1:8080', OPTIONS, modelEndpoint({}), agents);

  it('says that no key is checked, and shows calls without one', () => {
    const text = shown(['assistant']);
    assert.match(text, /keys +not checked/);
    assert.match(text, /apiKey: 'any'/);
    assert.ok(!text.includes('authorization'));
  });

  it('says that keys are checked, and shows calls with one', () => {
    const text = shown(undefined);
    assert.match(text, /keys +checked\n/);
    assert.match(text, /apiKey: process\.env\.KEY/);
    assert.match(text, / \\\n {4}-H "authorization: Bearer \$KEY" \\\n {4}-d '/);
  });
});

describe('a real endpoint', () => {
  const missing = (env: NodeJS.ProcessEnv) => missingModel(env, modelEndpoint(env));

  it('is refused with the fix named while nothing says which of its models to use', () => {
    assert.match(
      missing({ OPENAI_API_KEY: KEY }) ?? '',
      /api\.openai\.com to use: set OPENAI_MODEL/,
    );
    assert.ok(!missing({ OPENAI_API_KEY: KEY })?.includes(KEY));
    assert.equal(missing({ OPENAI_API_KEY: KEY, OPENAI_MODEL: 'gpt-4o-mini' }), undefined);
    assert.equal(missing({ OPENAI_API_KEY: KEY, AGENTS_FILE: 'agents.yaml' }), undefined);
    assert.equal(missing({}), undefined);
  });
});

describe('the environment of the services', () => {
  it('has every option of the gateway, save those that the stack decides', async () => {
    const page = await readFile(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
    const section = page.split('## ').find((part) => part.startsWith('gateway\n')) ?? '';
    const names = [...section.matchAll(/^\| `([A-Z_]+)`/gm)].flatMap(([, name]) => name ?? []);
    assert.ok(names.length > 30);
    const decided = /^(PORT|NATS_(URL|USER|PASSWORD|TOKEN)(_FILE)?)$/;
    const passed = gatewayEnvironment(Object.fromEntries(names.map((name) => [name, 'x'])));
    assert.deepEqual(
      names.filter((name) => passed[name] === undefined && !decided.test(name)),
      [],
    );
  });

  it('gives the key to the worker alone, and to both only what they know', () => {
    const env = { OPENAI_API_KEY: KEY, NODE_OPTIONS: '--inspect', LOG_LEVEL: 'debug' };
    assert.equal(workerEnvironment(env)['OPENAI_API_KEY'], KEY);
    assert.deepEqual(Object.keys(gatewayEnvironment(env)), ['LOG_LEVEL']);
    assert.equal(workerEnvironment(env)['NODE_OPTIONS'], undefined);
    const ofModules = { AGENT_WEATHER_KEY: KEY, AGENTS_DIR: 'agents' };
    assert.deepEqual(workerEnvironment({ ...env, ...ofModules })['AGENT_WEATHER_KEY'], KEY);
    assert.deepEqual(gatewayEnvironment(ofModules), {});
  });
});
