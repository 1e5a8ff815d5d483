import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { ManagedProcess, ProcessStartError, startScript } from '../src/index.ts';

const SERVICE = fileURLToPath(new URL('fixtures/service.mjs', import.meta.url));
const LAUNCHER = fileURLToPath(new URL('fixtures/launcher.ts', import.meta.url));

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Waits until every process is gone; fails when one is left after ten seconds. */
async function untilGone(pids: readonly number[]): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (pids.some(isAlive)) {
    assert.ok(Date.now() < deadline, `still running: ${pids.filter(isAlive).join(', ')}`);
    await delay(20);
  }
}

describe('a managed process', () => {
  it('is ready when it says so, and stop() lets it end by itself', async () => {
    const { process: service, ready } = await startScript(SERVICE, { name: 'fixture' });
    assert.equal(ready.port, 1234);
    assert.equal(service.running, true);
    assert.deepEqual(await service.stop(), { code: 0, signal: null });
    assert.equal(service.running, false);
    assert.equal(service.kill(), false);
  });

  it('is killed, with what it started, when it does not end within its budget', async () => {
    const env = { STUBBORN: '1', GRANDCHILD: '1' };
    const { process: service } = await startScript(SERVICE, { name: 'fixture', env });
    const grandchild = Number(service.logs()[0]?.split(' ')[1]);
    assert.deepEqual(await service.stop(50), { code: null, signal: 'SIGKILL' });
    await untilGone([grandchild]);
  });

  it('stops also while it is paused', async () => {
    const { process: service } = await startScript(SERVICE, { name: 'fixture' });
    service.kill('SIGSTOP');
    assert.equal(service.endAskedFor, false);
    assert.deepEqual(await service.stop(), { code: 0, signal: null });
  });

  it('that ends before it is ready is an error with its last lines', async () => {
    const started = startScript(SERVICE, { name: 'gateway 1', env: { FAIL: '1' } });
    await assert.rejects(started, (error) => {
      assert.ok(error instanceof ProcessStartError);
      assert.match(error.message, /^gateway 1 ended before it was ready \(exit code 3\)/);
      assert.match(error.message, /PORT is not a number/);
      return true;
    });
  });

  it('that is not ready in time is an error, and is killed', async () => {
    const silent = await ManagedProcess.spawn({
      name: 'silent',
      command: 'sleep',
      arguments: ['60'],
      env: process.env,
    });
    await assert.rejects(
      silent.firstLine(() => undefined, 50),
      /^ProcessStartError: silent was not ready within 0\.05 s/,
    );
    assert.deepEqual(await silent.exited, { code: null, signal: 'SIGKILL' });
  });

  it('that the system cannot start is an error', async () => {
    const options = { name: 'missing', command: '/nowhere/missing', arguments: [], env: {} };
    await assert.rejects(ManagedProcess.spawn(options), /missing did not start: .*ENOENT/);
  });
});

describe('no child outlives its launcher', () => {
  const endings = [
    ['exit', undefined],
    ['throw', undefined],
    ['wait', 'SIGINT'],
    ['wait', 'SIGTERM'],
    ['wait', 'SIGKILL'],
  ] as const;
  for (const [ending, signal] of endings) {
    it(`that ends by ${signal ?? ending}`, async () => {
      const launcher = spawn(process.execPath, [LAUNCHER, ending], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const exited = once(launcher, 'exit');
      const [line] = await once(createInterface(launcher.stdout), 'line');
      const { pids } = JSON.parse(String(line));
      assert.equal(pids.length, 3);
      if (signal !== undefined) launcher.kill(signal);
      await exited;
      await untilGone(pids);
    });
  }
});
