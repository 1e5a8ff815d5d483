/** A main thread that is blocked, and the thread that ends the process. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { childEnvironment, ManagedProcess } from '@switchboard/stack';
import { until } from '@switchboard/testkit';

const SCRIPT = fileURLToPath(new URL('watched-process.ts', import.meta.url));

async function watched(test: TestContext, way: string): Promise<ManagedProcess> {
  const started = await ManagedProcess.spawn({
    name: way,
    command: process.execPath,
    arguments: [SCRIPT, way],
    env: childEnvironment(),
  });
  test.after(() => started.killGroup());
  await started.firstLine((line) => line === 'ready' || undefined, 20_000);
  return started;
}

function lastWord(process: ManagedProcess): Record<string, unknown> {
  const line = process.logs().find((each) => each.includes('"level":"fatal"'));
  assert.ok(line, process.logs().join('\n'));
  return JSON.parse(line) as Record<string, unknown>;
}

describe('a worker under its watchdog', { concurrency: true }, () => {
  for (const way of ['a loop', 'promises that never let go', 'an expression']) {
    it(`ends with code 70, and says where it is blocked: ${way}`, async (test) => {
      const blocked = await watched(test, way);
      assert.deepEqual(await blocked.exited, { code: 70, signal: null });
      const { blockedAt, msg } = lastWord(blocked);
      assert.equal(msg, 'the main thread is blocked: ending the process');
      assert.match(String(blockedAt), /watched-process\.ts:\d+/);
    });
  }

  it('is killed when it is blocked outside of JavaScript', async (test) => {
    const blocked = await watched(test, 'a system call');
    assert.deepEqual(await blocked.exited, { code: null, signal: 'SIGKILL' });
    assert.equal(lastWord(blocked)['blockedAt'], 'outside of JavaScript');
  });

  it('goes on after it was stopped for longer than it may be blocked', async (test) => {
    const stopped = await watched(test, 'nothing');
    const lines = (): number => stopped.logs().length;
    stopped.kill('SIGSTOP');
    await delay(5_000);
    const before = lines();
    stopped.kill('SIGCONT');
    // For longer than the watchdog would need.
    await until(() => lines() >= before + 16, { what: 'signs of life', timeoutMs: 20_000 });
    assert.ok(stopped.running);
  });
});
