/** Tools that were begun by a worker that is killed. Takes as long as a claim: 16 s. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { RunEvent } from '@switchboard/contract';
import { childEnvironment, ManagedProcess } from '@switchboard/stack';
import { Cable, until } from '@switchboard/testkit';
import type { RunContext } from '../src/index.ts';
import { collect, Harness, submit, types } from './harness.ts';

const WORKER = fileURLToPath(new URL('tool-worker.ts', import.meta.url));
const STARTED: RunEvent = {
  type: 'tool.started',
  id: 'x',
  name: 'send',
  source: 'agent',
  arguments: '{}',
};

async function startHarness(test: TestContext): Promise<Harness> {
  const harness = await Harness.start();
  test.after(() => harness.stop());
  return harness;
}

describe('tools of a lost attempt', { concurrency: true }, () => {
  it('that were begun before a kill are known to the next attempt, with what they gave', async (test) => {
    const harness = await startHarness(test);
    const gateway = await harness.gateway();
    const killed = await ManagedProcess.spawn({
      name: 'tool worker',
      command: process.execPath,
      arguments: [WORKER, harness.nats.url],
      env: childEnvironment(),
    });
    test.after(() => killed.killGroup());
    const said = (word: string) => (line: string) => line === word || undefined;
    await killed.firstLine(said('ready'), 20_000);
    const handle = await submit(gateway, 'u');
    const reading = collect(handle.events());
    await killed.firstLine(said('called'), 20_000);
    killed.kill('SIGKILL');
    let earlier: unknown;
    const next = async function* (_: unknown, context: RunContext): AsyncGenerator<RunEvent> {
      yield STARTED;
      earlier = await context.earlierCalls();
      yield { type: 'completed', finishReason: 'stop' };
    };
    await harness.worker(next, 1, 'other', { onWorkerLost: () => 'restart' });
    assert.equal(types(await reading).at(-1), 'completed');
    const known = new Map([
      ['done', { output: 'sent', failed: false }],
      ['begun', {}],
    ]);
    assert.deepEqual(earlier, known, 'and not what this attempt has begun itself');
  });

  it('are not begun at all while NATS is away', async (test) => {
    const harness = await startHarness(test);
    const cable = await Cable.to(harness.nats.port);
    test.after(() => cable.close());
    const gateway = await harness.gateway();
    let stored: 'waiting' | 'stored' | 'stopped' = 'waiting';
    const begin = async function* (_: unknown, context: RunContext): AsyncGenerator<RunEvent> {
      cable.cut();
      yield STARTED;
      await context.stored().then(
        () => (stored = 'stored'),
        () => (stored = 'stopped'),
      );
      yield { type: 'completed', finishReason: 'stop' };
    };
    const { server } = await harness.worker(begin, 1, 'cut', { servers: cable.url });
    await submit(gateway, 'u');
    const isFree = (): boolean => server.busy === 0 && stored !== 'waiting';
    await until(isFree, { what: 'the claim to run out', timeoutMs: 30_000 });
    assert.equal(stored, 'stopped');
  });

  it('go on when NATS is back in time', async (test) => {
    const harness = await startHarness(test);
    const cable = await Cable.to(harness.nats.port);
    test.after(() => cable.close());
    const gateway = await harness.gateway();
    const begin = async function* (_: unknown, context: RunContext): AsyncGenerator<RunEvent> {
      cable.cut();
      yield STARTED;
      const stored = context.stored();
      cable.mend();
      await stored;
      yield { type: 'completed', finishReason: 'stop' };
    };
    await harness.worker(begin, 1, 'mended', { servers: cable.url });
    const handle = await submit(gateway, 'u');
    assert.deepEqual(types(await collect(handle.events())), [
      'started',
      'tool.started',
      'completed',
    ]);
  });
});
