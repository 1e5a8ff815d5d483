/** SIGTERM to gateways and workers in the middle of the work. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import type { Gateway, Worker } from '@switchboard/stack';
import { leakGuard, until } from '@switchboard/testkit';

import { ask, chat, chatBody, readAnswer } from '../chat.ts';
import type { Answer } from '../chat.ts';
import { gatewayReady, PATIENCE_MS, TestStack } from '../test-stack.ts';

let stack: TestStack;
let expected: Answer;

before(async () => {
  stack = await TestStack.start({ workers: 2, poolSize: 10 });
  expected = await ask(stack.url, chatBody('sim/tokens=60'));
});
after(async () => await stack.stop());

/** Three seconds of stream. */
const STREAM = chatBody('sim/tokens=60,pace=50ms', { stream: true });

function assertWhole(answer: Answer): void {
  assert.deepEqual([answer.status, answer.error, answer.complete], [200, undefined, true]);
  assert.equal(answer.text, expected.text);
}

/** Waits until a process has said something in its log. */
async function said(name: string, text: string): Promise<void> {
  const found = () =>
    stack.printed.some((line) => line.process === name && line.text.includes(text));
  await until(found, { what: `"${text}" from ${name}`, timeoutMs: PATIENCE_MS });
}

describe('a gateway that gets SIGTERM', () => {
  it('refuses new chats, closing the connection, finishes what is open and exits with 0', async () => {
    const gateway: Gateway = await stack.stack.addGateway();
    await gatewayReady(gateway.url);
    const open = await Promise.all(
      Array.from({ length: 4 }, async () => await chat(gateway.url, STREAM)),
    );
    const whole = ask(gateway.url, { ...STREAM, stream: false });
    await stack.modelRuns(5);
    gateway.process.kill('SIGTERM');
    await said(gateway.process.name, 'shutting down');

    const refused = await ask(gateway.url, chatBody('sim/tokens=1'));
    assert.deepEqual([refused.status, refused.error?.code], [503, 'shutting_down']);
    assert.equal(refused.headers.get('connection'), 'close');
    assert.equal(refused.headers.get('x-should-retry'), 'true');
    assert.ok(Number(refused.headers.get('retry-after')) >= 1);
    assert.equal((await fetch(`${gateway.url}/readyz`)).status, 503);
    assert.equal((await fetch(`${gateway.url}/livez`)).status, 200);

    for (const response of open) assertWhole(await readAnswer(response));
    assertWhole(await whole);
    assert.deepEqual(await gateway.process.exited, { code: 0, signal: null });
    await stack.idle();
  });

  it('ends what outlasts its drain with an error in the stream, cancels the run and exits with 0', async () => {
    const gateway = await stack.stack.addGateway({ DRAIN_TIMEOUT_MS: '500' });
    await gatewayReady(gateway.url);
    const body = chatBody('sim/tokens=2000,pace=50ms', { stream: true });
    const response = await chat(gateway.url, body, { requestId: 'outlasts' });
    gateway.process.kill('SIGTERM');
    const answer = await readAnswer(response);
    assert.equal(answer.error?.code, 'shutting_down');
    assert.deepEqual(await gateway.process.exited, { code: 0, signal: null });
    await stack.idle();
    const [run, ...others] = await stack.simulator.runsOf('outlasts');
    assert.deepEqual([run?.outcome, others.length], ['aborted', 0]);
  });
});

describe('a worker that gets SIGTERM', () => {
  it('finishes its runs, takes no new one, and exits with 0', async () => {
    const [first, second] = stack.stack.workers;
    assert.ok(first !== undefined && second !== undefined);
    // Only one worker has anything to do with this.
    second.process.kill('SIGTERM');
    assert.deepEqual(await second.process.exited, { code: 0, signal: null });
    const running = Array.from({ length: 10 }, async () => await ask(stack.url, STREAM));
    await stack.modelRuns(10);
    first.process.kill('SIGTERM');
    await said(first.process.name, 'shutting down');
    const waiting = ask(stack.url, chatBody('sim/tokens=60'), { requestId: 'waiting' });
    for (const answer of await Promise.all(running)) assertWhole(answer);
    assert.deepEqual(await first.process.exited, { code: 0, signal: null });
    assert.deepEqual(await stack.simulator.runsOf('waiting'), []);

    await Promise.all([stack.stack.addWorker(), stack.stack.addWorker()]);
    assertWhole(await waiting);
    await stack.idle();
  });
});

describe('a rolling restart of both workers under 20 streams of 3 s', () => {
  /** The workers of now. */
  function workers(): readonly Worker[] {
    return stack.stack.workers.filter(({ process }) => process.running);
  }

  it('loses nothing and runs nothing twice', async () => {
    const old = workers();
    assert.equal(old.length, 2);
    let restarted = false;
    const users = Array.from({ length: 20 }, async (_, user) => {
      const ids: string[] = [];
      // At least two turns each, and some of them after the restart.
      for (let turn = 0; turn < 2 || !restarted; turn += 1) {
        const id = `rolling-${user}-${turn}`;
        assertWhole(await ask(stack.url, { ...STREAM, user: `user-${user}` }, { requestId: id }));
        ids.push(id);
      }
      return ids;
    });
    const restart = async (): Promise<void> => {
      await stack.modelRuns(20);
      for (const worker of old) {
        worker.process.kill('SIGTERM');
        const [exit] = await Promise.all([worker.process.exited, stack.stack.addWorker()]);
        assert.deepEqual(exit, { code: 0, signal: null });
      }
      restarted = true;
    };
    const [ids] = await Promise.all([Promise.all(users), restart()]);
    for (const id of ids.flat()) {
      assert.equal((await stack.simulator.runsOf(id)).length, 1, id);
    }
    await stack.idle();
  });
});

leakGuard();
