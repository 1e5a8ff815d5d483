/** The examples that are a file of agents: each with what its README says, and a scripted model. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { leakGuard } from '@switchboard/testkit';

import {
  assertAnswers,
  assertCancels,
  changedFile,
  stackWithAddress,
} from '../examples/example-stack.ts';
import { installExample } from '../examples/install-example.ts';
import type { TestStack } from '../test-stack.ts';

/** A value of YAML. */
const quoted = (script: string): string => JSON.stringify(script);
const both = (file: string) => ({
  gatewayEnv: { AGENTS_FILE: file },
  workerEnv: { AGENTS_FILE: file },
});

describe('the example assistant', () => {
  let stack: TestStack;
  const question = {
    agent: 'assistant',
    prompt: 'How long is the Tiber?',
    answer: /one paragraph.*How long is the Tiber/,
    scripts: [/request/],
  };

  before(async () => {
    const model = { 'gpt-5-mini': quoted('sim/text=request,pace=10ms') };
    const file = changedFile('assistant/agents.yaml', model);
    stack = await stackWithAddress(() => both(file));
  });
  after(async () => await stack.stop());

  it('answers, and counts it', async () => await assertAnswers(stack, question));
  it('stops when its caller leaves', async () => await assertCancels(stack, question));
});

describe('the example tools', () => {
  let stack: TestStack;
  const question = {
    agent: 'shopkeeper',
    prompt: 'Where is A-17?',
    answer: /there on Friday/,
    scripts: [/order_status/, /order_status/],
  };

  before(async () => {
    const folder = await installExample('tools');
    const script = 'sim/tool=order_status,args={"order":"A-17"},text=request,pace=10ms';
    const file = changedFile('tools/agents.yaml', { 'gpt-5-mini': quoted(script) });
    stack = await stackWithAddress(() => {
      const { gatewayEnv, workerEnv } = both(file);
      return { gatewayEnv, workerEnv: { ...workerEnv, AGENTS_DIR: join(folder, 'agents') } };
    });
  });
  after(async () => await stack.stop());

  it('answers with what the tool has said, and counts both calls of the model', async () => {
    await assertAnswers(stack, question);
  });
  it('stops when its caller leaves', async () => await assertCancels(stack, question));
});

describe('the example mcp', () => {
  let stack: TestStack;
  const notes = fs.mkdtempSync(join(tmpdir(), 'switchboard-notes-'));
  const question = {
    agent: 'archivist',
    prompt: 'When is the gate painted?',
    answer: /in the autumn of 2031/,
    scripts: [/read_text_file/, /read_text_file/],
  };

  before(async () => {
    const folder = await installExample('mcp');
    const note = join(notes, 'gate.md');
    fs.writeFileSync(note, 'The gate is painted in the autumn of 2031.\n');
    const args = JSON.stringify({ path: note });
    const script = `sim/tool=files_read_text_file,args=${args},text=request,pace=10ms`;
    const file = changedFile('mcp/agents.yaml', {
      'gpt-5-mini': quoted(script),
      'examples/mcp/notes': notes,
      'examples/mcp/node_modules': join(folder, 'node_modules'),
    });
    stack = await stackWithAddress(() => both(file));
  });
  after(async () => {
    await stack.stop();
    fs.rmSync(notes, { recursive: true });
  });

  it('answers from a note that the reference filesystem server has read', async () => {
    await assertAnswers(stack, question);
  });
  it('stops when its caller leaves', async () => await assertCancels(stack, question));
});

describe('the example fallback', () => {
  let stack: TestStack;
  const question = {
    agent: 'steady',
    prompt: 'Who is there when the first one is not, and says all of these words again?',
    answer: /^Who is there .* again\?$/,
    scripts: [/error=503/, /error=503/, /echo/],
  };

  before(async () => {
    stack = await stackWithAddress((baseUrl) => {
      const failing = `${baseUrl}\n    headers: { x-simulator-script: error=503 }`;
      const file = changedFile('fallback/agents.yaml', {
        'https://api.openai.com/v1': failing,
        'http://127.0.0.1:11434/v1': baseUrl,
        'llama3.2': quoted('sim/text=echo,pace=50ms'),
      });
      const { gatewayEnv, workerEnv } = both(file);
      return { gatewayEnv, workerEnv: { ...workerEnv, OPENAI_API_KEY: 'key' } };
    });
  });
  after(async () => await stack.stop());

  it('asks the second provider when the first one fails', async () => {
    await assertAnswers(stack, question);
  });
  it('stops when its caller leaves', async () => await assertCancels(stack, question));
});

leakGuard();
