/** What gateways show of workers in processes of their own. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, it } from 'node:test';
import { ask, chat, chatBody } from '../chat.ts';
import { PoolMonitor } from '../pool-monitor.ts';
import { gatewayReady, TestStack } from '../test-stack.ts';

let test: TestStack;
let monitors: PoolMonitor[];

before(async () => {
  const gatewayEnv = { STATUS_HOLD_MS: '100' };
  test = await TestStack.start({ workers: 0, gateways: 2, poolSize: 2, gatewayEnv });
});
after(async () => {
  await test.stop();
});
beforeEach(() => {
  monitors = test.stack.gateways.map(({ url }) => new PoolMonitor(url));
});
afterEach(async () => {
  for (const monitor of monitors) await monitor[Symbol.asyncDispose]();
});

const everybody = async (each: (monitor: PoolMonitor) => Promise<unknown>): Promise<void> => {
  await Promise.all(monitors.map(each));
};

it('shows on every gateway who comes, works, drains, dies and comes back', async () => {
  const one = await test.stack.addWorker({ WORKER_NAME: 'one' });
  const two = await test.stack.addWorker({ WORKER_NAME: 'two' });
  await everybody((monitor) => monitor.untilNames('one,two'));

  const answers = Array.from({ length: 5 }, () => ask(test.url, chatBody('sim/think=3s,tokens=1')));
  await everybody((monitor) =>
    monitor.until('four busy slots and one that waits', ({ slots, busy, waiting }) => {
      return slots === 4 && busy === 4 && waiting === 1;
    }),
  );
  const drained = one.process.stop(30_000);
  await everybody((monitor) =>
    monitor.until('the drain', ({ slots, workers }) => {
      const draining = workers.filter((worker) => worker.draining);
      return slots === 2 && draining.map(({ worker }) => worker).join() === 'one';
    }),
  );
  for (const answer of answers) assert.equal((await answer).status, 200);
  await drained;
  await everybody((monitor) => monitor.untilNames('two'));
  await everybody((monitor) =>
    monitor.until('an idle worker with its service time', ({ busy, workers }) => {
      return busy === 0 && (workers[0]?.served ?? 0) >= 2;
    }),
  );

  two.process.kill('SIGKILL');
  await everybody((monitor) => monitor.untilNames(''));
  await test.stack.addWorker({ WORKER_NAME: 'two' });
  await everybody((monitor) => monitor.untilNames('two'));
});

it('shows the same workers through a restart of NATS, and that it does not know meanwhile', async () => {
  await test.stack.addWorker({ WORKER_NAME: 'three' });
  await everybody((monitor) => monitor.untilNames('three,two'));
  for (const monitor of monitors) monitor.shown.clear();
  test.stack.nats.kill('SIGKILL');
  await everybody((monitor) => monitor.until('a stale state', ({ stale }) => stale));
  await test.stack.nats.restart();
  await everybody((monitor) => monitor.until('a state that is known', ({ stale }) => !stale));
  for (const { url } of test.stack.gateways) await gatewayReady(url);
  for (const monitor of monitors) assert.deepEqual([...monitor.shown], ['three,two']);
});

it('tells a stream that waits where it stands', async () => {
  const [monitor] = monitors;
  assert.ok(monitor !== undefined);
  await ask(test.url, chatBody('sim/tokens=1'));
  const { slots } = await monitor.until('idle workers that have served', (state) => {
    return state.busy === 0 && state.workers.some(({ served }) => served > 0);
  });
  const blockers = Array.from({ length: slots }, () =>
    ask(test.url, chatBody('sim/think=4s,tokens=1')),
  );
  await monitor.until('a full pool', ({ busy }) => busy === slots);
  const streamed = chatBody('sim/tokens=1', { stream: true });
  const first = chat(test.url, streamed, { headers: { authorization: 'Bearer first' } });
  await monitor.until('one that waits', ({ waiting }) => waiting === 1);
  const second = chat(test.url, streamed, { headers: { authorization: 'Bearer second' } });
  assert.match(await (await first).text(), /^: queued\n\n: queued position=1 eta_ms=\d+\n\n/);
  assert.match(await (await second).text(), /^: queued\n\n: queued position=2 eta_ms=\d+\n\n/);
  await Promise.all(blockers);
});
