import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemsIn } from '../sample.ts';
import { importDirections } from './import-directions.ts';

const holds = (path: string, ...specifiers: string[]) => {
  const text = specifiers.map((specifier) => `import '${specifier}';`).join('\n');
  return problemsIn(importDirections, { [path]: text }).length;
};

test('imports down the layers are fine', () => {
  const cases: [string, ...string[]][] = [
    ['services/gateway/src/a.ts', '@switchboard/transport', '@switchboard/platform/config'],
    ['services/gateway/src/b.ts', '@switchboard/contract', '@nestjs/core', 'fastify'],
    ['services/agent-worker/src/llm/a.ts', 'openai', 'openai/error'],
    ['services/agent-worker/src/mcp/a.ts', '@modelcontextprotocol/sdk/types.js'],
    ['libs/transport/src/a.ts', '@switchboard/pool', '@nats-io/jetstream', '@nestjs/microservices'],
    ['libs/platform/src/metrics/a.ts', '@switchboard/contract', 'prom-client'],
    ['libs/contract/src/a.ts', 'zod', 'node:crypto'],
    ['libs/pool/src/a.spec.ts', 'fast-check', '@switchboard/testkit'],
    ['services/gateway/test/a.ts', '@switchboard/testkit', '@switchboard/stack', 'openai'],
    ['libs/client/src/a.ts', 'openai', 'openai/resources/responses/responses'],
    ['examples/openai-agents/agents/a.ts', 'openai', '@switchboard/agent', 'zod'],
    ['tools/demo/users.ts', 'openai', '@switchboard/stack'],
    ['tools/storm/observer.ts', '@nats-io/jetstream', '@switchboard/contract'],
    ['tools/dead-letters/main.ts', '@switchboard/transport', '@switchboard/command-line'],
    ['test/whole.int.spec.ts', '@switchboard/gateway', '@switchboard/stack'],
  ];
  for (const [path, ...specifiers] of cases) assert.equal(holds(path, ...specifiers), 0, path);
});

test('each import up or across the layers is a problem', () => {
  const cases: [string, ...string[]][] = [
    ['services/gateway/src/a.ts', '@switchboard/agent-worker', '@switchboard/pool'],
    ['services/gateway/src/b.ts', '@switchboard/testkit', '@switchboard/stack', 'openai'],
    ['services/gateway/test/b.ts', '@nats-io/transport-node', '@switchboard/agent-worker'],
    ['services/agent-worker/src/runner/a.ts', 'openai', 'prom-client'],
    ['services/agent-worker/src/tools/a.ts', '@modelcontextprotocol/sdk/client/index.js'],
    ['libs/transport/src/a.ts', '@switchboard/platform/logging', '@switchboard/gateway'],
    ['libs/platform/src/a.ts', '@switchboard/transport', '@nats-io/kv', '@switchboard/testkit'],
    ['libs/contract/src/a.ts', '@switchboard/pool', '@nestjs/common', 'yaml'],
    ['libs/pool/src/a.ts', 'zod', '@switchboard/contract'],
    ['libs/testkit/src/a.ts', '@switchboard/transport', '@nats-io/transport-node'],
    [
      'libs/client/src/a.ts',
      '@switchboard/transport',
      '@switchboard/platform/logging',
      'prom-client',
    ],
    ['libs/clients/src/a.ts', 'openai'],
    ['libs/agent/src/a.ts', 'zod', '@switchboard/contract'],
    ['services/gateway/src/a.ts', '@switchboard/agent'],
    ['examples/tools/agents/a.ts', '@switchboard/contract', '@nestjs/core'],
    ['tools/demo/a.ts', '@switchboard/gateway', '@nestjs/core'],
    ['tools/storm/load.ts', '@nats-io/jetstream', '@switchboard/transport'],
    ['tools/dead-letters/main.ts', '@nats-io/jetstream', '@switchboard/gateway'],
  ];
  for (const [path, ...specifiers] of cases) {
    assert.equal(holds(path, ...specifiers), specifiers.length, path);
  }
});

test('the report says what the folder may import', () => {
  const problems = problemsIn(importDirections, {
    'libs/platform/src/a.ts': "\nimport '@switchboard/pool';",
  });
  assert.deepEqual(problems, [
    'libs/platform/src/a.ts:2 @switchboard/pool: this folder may import contract',
  ]);
});
