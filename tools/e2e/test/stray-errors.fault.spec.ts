/** What agents leave behind, and what becomes of those beside them when it fails. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { until } from '@switchboard/testkit';

import { ask, chatBody } from '../chat.ts';
import { PATIENCE_MS, TestStack } from '../test-stack.ts';

const AGENTS = fileURLToPath(new URL('fixtures/stray-agents', import.meta.url));

let stack: TestStack;
const ended: string[] = [];

before(async () => {
  stack = await TestStack.start({
    poolSize: 3,
    agents: [
      { name: 'sim/*', model: '*' },
      { name: 'thrower', code: true },
      { name: 'rejecter', code: true },
    ],
    workerEnv: { AGENTS_DIR: AGENTS },
    restartWorkers: true,
    onWorkerEnded: (_name, how) => ended.push(how),
  });
});
after(async () => await stack.stop());

function logged(text: string): boolean {
  return stack.printed.some((line) => line.text.includes(text));
}

describe('an agent that leaves something behind', () => {
  it('a promise that is rejected is logged, and the worker goes on', async () => {
    assert.equal((await ask(stack.url, chatBody('rejecter'))).complete, true);
    const what = 'a promise that nobody waited for';
    await until(() => logged(what), { what, timeoutMs: PATIENCE_MS });
    assert.equal((await ask(stack.url, chatBody('sim/tokens=1'))).complete, true);
    assert.deepEqual(ended, []);
  });

  it('a timer that throws has the worker replaced, after those beside it have ended', async () => {
    const beside = ask(stack.url, chatBody('sim/think=5s,tokens=3'));
    await stack.modelRuns(1);
    assert.equal((await ask(stack.url, chatBody('thrower'))).complete, true);
    const what = 'the worker has to be replaced';
    await until(() => logged(what), { what, timeoutMs: PATIENCE_MS });
    assert.deepEqual(ended, [], 'it waits for the run beside it');
    assert.equal((await beside).complete, true);
    await until(() => ended.length > 0, { what: 'the end of the worker', timeoutMs: PATIENCE_MS });
    assert.deepEqual(ended, ['exit code 75']);
    assert.equal((await ask(stack.url, chatBody('sim/tokens=1'))).complete, true);
  });
});
