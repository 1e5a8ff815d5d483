import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentsFile } from '@switchboard/contract';
import { ConfigError } from '@switchboard/platform/config';
import { checkAgents } from './check-agents.ts';
import { readWorkerConfig } from './config.ts';
import { ToolRegistry } from './tools/tool-registry.ts';

function check(file: object, env: Record<string, string> = {}): readonly string[] {
  const warnings: string[] = [];
  const config = readWorkerConfig({ OPENAI_BASE_URL: 'http://127.0.0.1:1/v1', ...env });
  const log = { warn: (_fields: object, message: string) => void warnings.push(message) };
  checkAgents(config, AgentsFile.parse(file), new ToolRegistry([]), log);
  return warnings;
}

const agent = { name: 'a', model: 'm' };

test('what a worker cannot do is refused with every problem at once', () => {
  const file = {
    agents: [{ ...agent, timeout: 700, tools: ['unheard'], provider: 'far' }],
    providers: [{ name: 'far', base_url: 'https://host/v1', api_key_env: 'A_KEY_NOT_SET' }],
  };
  assert.throws(
    () => check(file),
    (thrown) => {
      assert.ok(thrown instanceof ConfigError);
      const [drain = '', tool = '', key = '', ...others] = thrown.problems;
      assert.match(drain, /DRAIN_TIMEOUT_MS: .* at least 710000/);
      assert.match(tool, /unheard/);
      assert.match(key, /A_KEY_NOT_SET/);
      assert.deepEqual(others, []);
      return true;
    },
  );
});

test('a drain that may be short is only warned of, and agents of other pools are not looked at', () => {
  const long = { agents: [{ ...agent, timeout: 700 }] };
  assert.match(check(long, { ALLOW_SHORT_DRAIN: 'true' }).join(), /may cut runs off/);
  const elsewhere = { agents: [{ ...agent, pool: 'big', timeout: 700, tools: ['unheard'] }] };
  assert.match(check(elsewhere).join(), /nothing to run/);
  assert.deepEqual(check({ agents: [agent] }), []);
});
