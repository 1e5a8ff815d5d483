/** Many streams at once through one gateway. The bench has the figures for a thousand. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { leakGuard } from '@switchboard/testkit';

import { ask, chatBody } from '../chat.ts';
import { TestStack } from '../test-stack.ts';

const STREAMS = 300;
const TOKENS = 20;

let stack: TestStack;

before(async () => {
  stack = await TestStack.start({ workers: 2, poolSize: STREAMS / 2 });
});
after(async () => await stack.stop());

describe('300 streams of 5 tokens a second through one gateway and two workers', () => {
  it('all run at once, and all come whole', async () => {
    const script = `sim/tokens=${TOKENS},pace=200ms`;
    const expected = await ask(stack.url, chatBody(`sim/tokens=${TOKENS}`));
    await stack.simulator.reset();
    const answers = await Promise.all(
      Array.from({ length: STREAMS }, async (_, number) => {
        const body = chatBody(script, { stream: true, user: `user-${number}` });
        return await ask(stack.url, body, { requestId: `stream-${number}` });
      }),
    );
    const broken = answers.filter(({ complete, text }) => !complete || text !== expected.text);
    assert.deepEqual(broken, []);
    const { finished, maxRunning } = await stack.simulator.counts();
    assert.deepEqual([finished, maxRunning], [STREAMS, STREAMS]);
    await stack.idle();
  });
});

leakGuard();
