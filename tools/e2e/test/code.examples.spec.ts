/** The examples in code: frameworks inside a slot, as their packages come from npm. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import {
  ManagedProcess,
  ProcessStartError,
  childEnvironment,
  writeAgentsFile,
} from '@switchboard/stack';
import { leakGuard, until } from '@switchboard/testkit';

import { chatBody } from '../chat.ts';
import { assertAnswers, assertCancels } from '../examples/example-stack.ts';
import { installExample } from '../examples/install-example.ts';
import { RawClient } from '../raw-client.ts';
import { sdkClient } from '../sdk-client.ts';
import { PATIENCE_MS, TestStack } from '../test-stack.ts';

/** The example's modules, and a scripted model for its agent, which the file may set. */
async function startExample(
  name: string,
  agent: string,
  script: string,
  workerEnv: NodeJS.ProcessEnv = {},
): Promise<TestStack> {
  const folder = await installExample(name);
  const file = writeAgentsFile([{ name: agent, code: true, model: script, max_retries: 0 }]);
  return await TestStack.start({
    poolSize: 2,
    gatewayEnv: { AGENTS_FILE: file },
    workerEnv: { AGENTS_FILE: file, AGENTS_DIR: join(folder, 'agents'), ...workerEnv },
  });
}

const FRAMEWORKS = [
  {
    name: 'openai-agents',
    agent: 'travel-guide',
    tool: 'weather',
    arguments: { city: 'Rome' },
    answer: /21 degrees and sunny in Rome/,
  },
  {
    name: 'vercel-ai',
    agent: 'chef',
    tool: 'pantry',
    arguments: { shelf: 'lower' },
    answer: /onions, potatoes/,
  },
  {
    name: 'langchain',
    agent: 'librarian',
    tool: 'search_shelves',
    arguments: { words: 'aqueducts' },
    answer: /Shelf 7 has a book about aqueducts/,
  },
];

for (const { name, agent, tool, arguments: input, answer } of FRAMEWORKS) {
  describe(`the example ${name}`, () => {
    let stack: TestStack;
    const scripts = [new RegExp(tool), new RegExp(tool)];
    const question = { agent, prompt: 'What shall I do today?', answer, scripts };

    before(async () => {
      const args = JSON.stringify(input);
      const script = `sim/tool=${tool},args=${args},text=request,pace=40ms`;
      stack = await startExample(name, agent, script);
    });
    after(async () => await stack.stop());

    it('answers with what its tool has said, and counts both calls of the model', async () => {
      await assertAnswers(stack, question);
    });
    it('stops when its caller leaves', async () => await assertCancels(stack, question));
  });
}

const SERVICE = fileURLToPath(
  new URL('../../../examples/http-service/service/agent.py', import.meta.url),
);

async function startService(): Promise<{ service: ManagedProcess; port: string } | undefined> {
  try {
    const service = await ManagedProcess.spawn({
      name: 'service',
      command: 'python3',
      arguments: [SERVICE],
      env: childEnvironment({ PORT: '0', PYTHONDONTWRITEBYTECODE: '1' }),
    });
    const port = await service.firstLine((line) => /^listening on (\d+)$/.exec(line)?.[1], 10_000);
    return { service, port };
  } catch (error) {
    if (!(error instanceof ProcessStartError)) throw error;
    process.stdout.write(`not run: examples/http-service (${error.message.split('\n')[0]})\n`);
    return undefined;
  }
}

const started = await startService();
if (started !== undefined) {
  const { service, port } = started;
  const says = async (word: string): Promise<void> => {
    const look = () => service.logs().includes(word);
    await until(look, { what: `the service to say ${word}`, timeoutMs: PATIENCE_MS });
  };

  describe('the example http-service', () => {
    let stack: TestStack;

    before(async () => {
      const url = `http://127.0.0.1:${port}/run`;
      const env = { AGENT_SERVICE_URL: url };
      stack = await startExample('http-service', 'remote', 'sim/tokens=1', env);
    });
    after(async () => {
      await stack.stop();
      await service.stop();
    });

    it('answers with what the service says, and counts what that says it took', async () => {
      const answer = await sdkClient(stack.url, [], { maxRetries: 0 }).chat.completions.create({
        model: 'remote',
        messages: [{ role: 'user', content: 'four words in Python' }],
      });
      assert.equal(answer.choices[0]?.message.content, 'four words in Python ');
      assert.equal(answer.usage?.completion_tokens, 4);
      await says('finished');
    });

    it('stops the service when its caller leaves', async () => {
      const messages = [{ role: 'user', content: 'go on forever' }];
      const body = chatBody('remote', { messages, stream: true });
      const client = await RawClient.chat(stack.url, body, 'forever');
      await client.until(/"content":"forever/);
      client.leave();
      await says('stopped');
      await stack.queueEmpty();
    });

    it('says that the agent is not available when the service is gone', async () => {
      await service.stop();
      const call = sdkClient(stack.url, [], { maxRetries: 0 }).chat.completions.create({
        model: 'remote',
        messages: [{ role: 'user', content: 'hello' }],
      });
      await assert.rejects(call, { status: 503, code: 'agent_unavailable' });
    });
  });
}

leakGuard();
