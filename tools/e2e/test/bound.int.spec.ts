/** How many runs there are at once, over all gateways and workers. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { leakGuard, seededRandom, testSeed } from '@switchboard/testkit';

import { ask, chatBody } from '../chat.ts';
import { TestStack } from '../test-stack.ts';

const WORKERS = 2;
const POOL_SIZE = 5;
const TASKS = 220;

let stack: TestStack;

before(async () => {
  stack = await TestStack.start({ workers: WORKERS, poolSize: POOL_SIZE, gateways: 2 });
});
after(async () => await stack.stop());

describe('two workers of five slots behind two gateways', () => {
  it('run ten of 220 requests at once, never more, and answer each with its own answer', async (t) => {
    const random = seededRandom(testSeed(t));
    const gateways = stack.stack.gateways.map(({ url }) => url);
    const tasks = Array.from({ length: TASKS }, (_, number) => ({
      number,
      content: `task ${number} says ${random.int(0, 1_000_000)}`,
      // Some callers have many requests waiting, most have one.
      user: `user-${number % 3 === 0 ? 0 : number}`,
      stream: random.next() < 0.5,
    }));
    const answers = await Promise.all(
      tasks.map(async ({ number, content, user, stream }) => {
        const messages = [{ role: 'user', content }];
        const body = chatBody('sim/text=echo,think=120ms', { messages, user, stream });
        return await ask(gateways[number % gateways.length] ?? '', body, {
          requestId: `task-${number}`,
        });
      }),
    );
    const wrong = tasks.filter(({ number, content }) => {
      const answer = answers[number];
      return answer?.complete !== true || answer.text !== content;
    });
    assert.deepEqual(wrong, []);
    const { started, finished, maxRunning } = await stack.simulator.counts();
    assert.deepEqual([started, finished], [TASKS, TASKS]);
    assert.equal(maxRunning, WORKERS * POOL_SIZE);
    await stack.idle();
  });
});

leakGuard();
