import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';

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
