import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { findStablePort } from '@switchboard/stack';

import { chatBody } from '../chat.ts';
import { RawClient } from '../raw-client.ts';
import { sdkClient } from '../sdk-client.ts';
import type { ModelRun } from '../simulator-client.ts';
import { TestStack } from '../test-stack.ts';
import type { TestStackOptions } from '../test-stack.ts';
import { EXAMPLES } from './install-example.ts';

/** What callers of an example send, and what the model does with it. */
export interface Question {
  readonly agent: string;
  readonly prompt: string;
  /** What must be in the answer. */
  readonly answer: RegExp;
  /** The calls of the model that one answer takes, by their scripts, in order. */
  readonly scripts: readonly RegExp[];
}

/** Puts words of an example's file in the place of others, each of which must be there. */
export function changedFile(path: string, changes: Readonly<Record<string, string>>): string {
  let text = fs.readFileSync(join(EXAMPLES, path), 'utf8');
  for (const [from, to] of Object.entries(changes)) {
    assert.ok(text.includes(from), `${path} has no ${from}`);
    text = text.replaceAll(from, () => to);
  }
  const folder = fs.mkdtempSync(join(tmpdir(), 'switchboard-example-'));
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'agents.yaml');
  fs.writeFileSync(file, text);
  return file;
}

/** A stack whose simulator's address is known before anything starts. */
export async function stackWithAddress(
  options: (baseUrl: string) => TestStackOptions,
): Promise<TestStack> {
  const port = await findStablePort();
  const simulatorEnv = { PORT: String(port) };
  return await TestStack.start({
    poolSize: 2,
    ...options(`http://127.0.0.1:${port}/v1`),
    simulatorEnv,
  });
}

/** Asks, reads the stream to its end, and holds text, calls and tokens against the simulator. */
export async function assertAnswers(stack: TestStack, question: Question): Promise<void> {
  const { agent, prompt, answer, scripts } = question;
  const id = `answer-${agent}`;
  const stream = await sdkClient(stack.url, [], { maxRetries: 0 }).chat.completions.create(
    {
      model: agent,
      messages: [{ role: 'user', content: prompt }],
      stream: true,
      stream_options: { include_usage: true },
    },
    { headers: { 'x-request-id': id } },
  );
  let [text, pieces, completionTokens] = ['', 0, 0];
  for await (const { choices, usage } of stream) {
    const piece = choices[0]?.delta.content ?? '';
    text += piece;
    if (piece !== '') pieces += 1;
    completionTokens = usage?.completion_tokens ?? completionTokens;
  }
  assert.match(text, answer);
  assert.ok(pieces > 3, `${pieces} pieces`);
  const runs = await stack.simulator.runsOf(id);
  assert.equal(runs.length, scripts.length, JSON.stringify(runs.map(shortly)));
  for (const [at, script] of scripts.entries()) assert.match(runs[at]?.script ?? '', script);
  const tokens = runs.reduce((sum, run) => sum + run.tokens, 0);
  assert.equal(completionTokens, tokens);
}

/** Leaves in the middle of the answer: the model's call ends, and the slot is free again. */
export async function assertCancels(stack: TestStack, question: Question): Promise<void> {
  const { agent, prompt, scripts } = question;
  const id = `cancel-${agent}`;
  const messages = [{ role: 'user', content: prompt }];
  const client = await RawClient.chat(stack.url, chatBody(agent, { messages, stream: true }), id);
  await client.until(/"content":"[^"]/);
  client.leave();
  await stack.idle();
  const runs = await stack.simulator.runsOf(id);
  const shown = JSON.stringify(runs.map(shortly));
  // It was shown something, so all but the last call were over.
  assert.equal(runs.length, scripts.length, shown);
  assert.equal(runs.at(-1)?.outcome, 'aborted', shown);
}

function shortly({ script, outcome, tokens }: ModelRun): object {
  return { script, outcome, tokens };
}
