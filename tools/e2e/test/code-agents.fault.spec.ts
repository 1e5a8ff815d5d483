/** A worker is killed under an agent in code. The takeover takes 16 s. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { leakGuard, until } from '@switchboard/testkit';

import { ask, chatBody } from '../chat.ts';
import { TestStack } from '../test-stack.ts';

const AGENTS_DIR = fileURLToPath(new URL('fixtures/agents', import.meta.url));
const TAKEOVER_MS = 45_000;

let stack: TestStack;
let folder: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'agents-fault-'));
  const poet = { name: 'poet/*', code: true, model: '*' };
  const sender = { name: 'sender', code: true, on_worker_lost: 'restart' };
  stack = await TestStack.start({ agents: [poet, sender], workerEnv: { AGENTS_DIR } });
});
after(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true });
});

/** Kills the worker that runs it, for another to take over. */
async function replaceWorker(): Promise<void> {
  const [worker] = stack.stack.workers.splice(0);
  worker?.process.kill('SIGKILL');
  await worker?.process.exited;
  await stack.stack.addWorker({ AGENTS_DIR });
}

describe('an agent in code whose worker is killed', () => {
  it('is begun again where it says so, and its call with side effects is not made twice', async () => {
    const file = join(folder, 'sent');
    const asked = ask(stack.url, chatBody('sender', { user: file }));
    await until(() => existsSync(file), { what: 'the call', timeoutMs: TAKEOVER_MS });
    await replaceWorker();
    const answer = await asked;
    assert.match(answer.text, /^2: This call was begun before and its outcome is not known/);
    assert.equal(readFileSync(file, 'utf8'), 'sent\n');
  });

  it('ends as worker_lost in mid-answer where it does not', async () => {
    const asked = ask(stack.url, chatBody('poet/tokens=100000,pace=20ms'), {
      requestId: 'poem',
    });
    await stack.modelHas('poem');
    await until(async () => ((await stack.simulator.runsOf('poem'))[0]?.tokens ?? 0) > 3, {
      what: 'tokens',
      timeoutMs: TAKEOVER_MS,
    });
    await replaceWorker();
    assert.equal((await asked).error?.code, 'worker_lost');
  });
});

leakGuard();
