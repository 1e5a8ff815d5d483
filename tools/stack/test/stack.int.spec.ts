import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';

import { until } from '@switchboard/testkit';

import { startStack, type Stack } from '../src/index.ts';

/** nats-server alone. */
async function bareStack(test: TestContext): Promise<Stack> {
  const stack = await startStack({ gateways: 0, workers: 0, withoutSimulator: true });
  test.after(async () => await stack.stop());
  return stack;
}

describe('what ended without being asked to', () => {
  it('is told when it is the nats-server that a restart has started', async (test) => {
    const stack = await bareStack(test);
    await stack.nats.restart();
    const { process: restarted } = stack.nats;
    // Not by its own `kill`: that would be asked for.
    process.kill(restarted.pid, 'SIGKILL');
    assert.equal(await stack.unexpectedExit, restarted);
  });

  it('is not told of a nats-server that was killed or restarted here', async (test) => {
    const stack = await bareStack(test);
    stack.nats.kill();
    await stack.nats.exited;
    await stack.nats.restart();
    await stack.nats.restart();
    process.kill(stack.nats.pid, 'SIGKILL');
    assert.equal(await stack.unexpectedExit, stack.nats.process);
  });
});

describe('workers that are started again', () => {
  it('are replaced in their place when they end unasked, and not when the stack stops', async (test) => {
    const ended: string[] = [];
    const stack = await startStack({
      workers: 2,
      restartWorkers: true,
      onWorkerEnded: (name, how) => ended.push(`${name}: ${how}`),
    });
    test.after(async () => await stack.stop());
    const [first, second] = stack.workers;
    assert.ok(first !== undefined && second !== undefined);
    process.kill(first.process.pid, 'SIGKILL');
    await until(() => stack.workers[0] !== first, { what: 'another worker', timeoutMs: 30_000 });
    assert.equal(stack.workers[1], second);
    assert.equal(stack.workers[0]?.process.running, true);
    assert.deepEqual(ended, [`${first.process.name}: SIGKILL`]);
    await stack.stop();
    assert.equal(ended.length, 1);
    assert.ok(stack.workers.every(({ process: { running } }) => !running));
  });
});
