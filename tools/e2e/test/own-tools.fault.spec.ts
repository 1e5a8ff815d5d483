/** A worker is killed while it runs a tool. The takeover takes 16 s. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { leakGuard, until } from '@switchboard/testkit';

import { ask, chatBody } from '../chat.ts';
import { TestStack } from '../test-stack.ts';

const MODULES = fileURLToPath(new URL('fixtures/tools', import.meta.url));
const TAKEOVER_MS = 45_000;

let stack: TestStack;
let folder: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'own-tools-'));
  const fields = { model: '*', tools: ['send', 'deaf'], tool_timeout: 5 };
  stack = await TestStack.start({
    workers: 0,
    agents: [
      { name: 'again/*', pool: 'again', on_worker_lost: 'restart', ...fields },
      { name: 'reads/*', pool: 'reads', on_worker_lost: 'restart', ...fields },
      { name: 'once/*', pool: 'once', ...fields },
    ],
  });
});
after(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true });
});

/** The answer to a request whose first worker is killed inside its tool; how often that ran. */
async function killedIn(
  tool: string,
  pool: string,
): Promise<{ readonly answer: Awaited<ReturnType<typeof ask>>; readonly calls: number }> {
  const file = join(folder, `${pool}-${tool}`);
  const calls = (): number => {
    try {
      return readFileSync(file, 'utf8').split('called').length - 1;
    } catch {
      // The tool has not been called yet.
      return 0;
    }
  };
  const worker = await stack.stack.addWorker({ WORKER_POOL: pool, AGENTS_DIR: MODULES });
  const args = JSON.stringify({ file });
  const model = `${pool}/tool=${tool},call_id=same,text=request,args=${args}`;
  const asked = ask(stack.url, chatBody(model));
  await until(() => calls() === 1, { what: 'the tool', timeoutMs: TAKEOVER_MS });
  worker.process.kill('SIGKILL');
  await worker.process.exited;
  await stack.stack.addWorker({ WORKER_POOL: pool, AGENTS_DIR: MODULES });
  return { answer: await asked, calls: calls() };
}

describe('a tool whose worker is killed', { concurrency: true }, () => {
  it('is not called again when it has side effects, and the model is told that', async () => {
    const { answer, calls } = await killedIn('send', 'again');
    assert.equal(answer.complete, true);
    assert.match(answer.text, /outcome is not known/);
    assert.equal(calls, 1);
  });

  it('is called again when it only reads', async () => {
    const { answer, calls } = await killedIn('deaf', 'reads');
    assert.equal(answer.complete, true);
    assert.match(answer.text, /took longer than 5 seconds/);
    assert.equal(calls, 2);
  });

  it('ends the run where the agent does not say that it may begin again', async () => {
    const { answer, calls } = await killedIn('send', 'once');
    assert.equal(answer.error?.code, 'worker_lost');
    assert.equal(calls, 1);
  });
});

leakGuard();
