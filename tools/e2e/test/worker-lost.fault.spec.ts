/**
 * Workers that are killed with SIGKILL while they run something. It takes 16 s until another worker
 * may take over, so the cases run side by side, each in a pool of its own.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import type { Worker } from '@switchboard/stack';
import { leakGuard, until } from '@switchboard/testkit';

import { ask, chat, chatBody, readAnswer } from '../chat.ts';
import { TestStack } from '../test-stack.ts';

/** Longer than a takeover may take on a busy machine. */
const TAKEOVER_MS = 45_000;
/** Workers that may be lost before a request is given up. */
const ATTEMPTS = 3;

const POOLS = ['silent', 'shown', 'deadly', 'full'] as const;
type Pool = (typeof POOLS)[number];

let stack: TestStack;

before(async () => {
  stack = await TestStack.start({
    workers: 0,
    agents: POOLS.map((pool) => ({ name: `${pool}/*`, model: '*', pool })),
  });
});
after(async () => await stack.stop());

async function workerOf(pool: Pool, poolSize = 1): Promise<Worker> {
  return await stack.stack.addWorker({ WORKER_POOL: pool, POOL_SIZE: String(poolSize) });
}

/** Waits until the model has been called for a request so many times. */
async function callsOf(requestId: string, count: number): Promise<void> {
  const enough = async () => (await stack.simulator.runsOf(requestId)).length === count;
  await until(enough, { what: `call ${count} of the model`, timeoutMs: TAKEOVER_MS });
}

async function kill(worker: Worker): Promise<void> {
  worker.process.kill('SIGKILL');
  await worker.process.exited;
}

interface Line {
  readonly requestId?: string;
  readonly run?: string;
  readonly msg: string;
}

function lines(): readonly Line[] {
  return stack.printed
    .filter(({ process }) => /^(gateway|worker)/.test(process))
    .map(({ text }) => JSON.parse(text) as Line);
}

/** Request id and run stand in every line about a run that was taken over. */
async function assertNamed(requestId: string): Promise<void> {
  const last = () => lines().find((line) => line.requestId === requestId && line.msg === 'request');
  const { run } = await until(last, { what: "the gateway's line", timeoutMs: TAKEOVER_MS });
  assert.ok(run !== undefined);
  for (const line of lines().filter((each) => each.run === run)) {
    assert.equal(line.requestId, requestId, line.msg);
  }
}

describe('a worker that is killed', { concurrency: true }, () => {
  for (const stream of [true, false]) {
    const form = stream ? 'streaming' : 'not streaming';
    const pool = stream ? 'silent' : 'full';
    it(`before it has shown anything is replaced: the caller only waits, ${form}`, async () => {
      const first = await workerOf(pool);
      const id = `silent-${String(stream)}`;
      const body = chatBody(`${pool}/think=2s,tokens=3`, { stream });
      const answer = ask(stack.url, body, { requestId: id });
      await callsOf(id, 1);
      await kill(first);
      await workerOf(pool);
      const { complete, text, status } = await answer;
      assert.deepEqual([status, complete, text], [200, true, 'Lorem ipsum dolor']);
      assert.equal((await stack.simulator.runsOf(id)).length, 2);
      await stack.queueEmpty(pool);
      await assertNamed(id);
    });
  }

  it('after it has shown something ends the stream with worker_lost, and nothing runs again', async () => {
    const first = await workerOf('shown');
    const id = 'shown';
    const body = chatBody('shown/tokens=2000,pace=50ms', { stream: true });
    const response = await chat(stack.url, body, { requestId: id });
    await callsOf(id, 1);
    await kill(first);
    await workerOf('shown');
    const { status, error, text } = await readAnswer(response);
    assert.deepEqual([status, error?.code], [200, 'worker_lost']);
    assert.match(text, /^Lorem/);
    assert.equal((await stack.simulator.runsOf(id)).length, 1);
    await stack.queueEmpty('shown');
    await assertNamed(id);
  });

  it('three times by the same request has it given up and kept as a dead letter', async () => {
    const id = 'deadly';
    let worker = await workerOf('deadly');
    const answer = ask(stack.url, chatBody('deadly/think=600s'), { requestId: id });
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      await callsOf(id, attempt);
      await kill(worker);
      worker = await workerOf('deadly');
    }
    const { status, headers, error } = await answer;
    assert.deepEqual([status, error?.code], [502, 'too_many_attempts']);
    assert.equal(headers.get('x-should-retry'), 'false');
    assert.equal((await stack.simulator.runsOf(id)).length, ATTEMPTS);
    await stack.queueEmpty('deadly');
    assert.equal(await stack.streams.messages('DEAD_LETTERS'), 1);
    await assertNamed(id);
  });
});

leakGuard();
