/** Many callers who leave at once, at the worst moments; the worker's line to NATS can break. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { after, afterEach, before, describe, it } from 'node:test';

import { startWorker } from '@switchboard/stack';
import type { Worker } from '@switchboard/stack';
import { Cable, leakGuard, seededRandom, testSeed, until } from '@switchboard/testkit';
import type { SeededRandom } from '@switchboard/testkit';

import { ask, chatBody } from '../chat.ts';
import { RawClient } from '../raw-client.ts';
import { PATIENCE_MS, TestStack } from '../test-stack.ts';

const POOL_SIZE = 10;
const CANCELS = 1_000;
/**
 * So many come at once, and the next when the gateway has noticed that they are gone. A few find an
 * idle machine and leave while their runs start; all together find the gateway busy, and leave
 * before it has read their requests.
 */
const AT_ONCE = [10, CANCELS] as const;
const LEAVE_AFTER_MAX_MS = 10;
/** No run goes on for longer after its caller has left: a promise, not a measurement. */
const GOES_ON_MAX_MS = 1_000;
const RECONNECTS = 4;

let stack: TestStack;
let cable: Cable;
let worker: Worker;
/** When each caller left, by request id. */
const leftAtMs = new Map<string, number>();

before(async () => {
  stack = await TestStack.start({ workers: 0 });
  cable = await Cable.to(stack.stack.nats.port);
  worker = await startWorker({
    natsUrl: cable.url,
    poolSize: POOL_SIZE,
    openaiBaseUrl: stack.stack.simulator?.baseUrl,
    env: stack.stack.nats.access?.environment('worker') ?? {},
  });
});
after(async () => {
  await worker.process.stop();
  cable.close();
  await stack.stop();
});

afterEach(async () => {
  await stack.idle();
  await assertEndedInTime();
  await assertAllSlotsFree();
});

async function assertEndedInTime(): Promise<void> {
  const late = (await stack.simulator.runs()).flatMap(({ request, endedAtMs }) => {
    const left = leftAtMs.get(request);
    if (left === undefined || endedAtMs === null) return [];
    const wentOnMs = endedAtMs - left;
    return wentOnMs > GOES_ON_MAX_MS ? [{ request, wentOnMs }] : [];
  });
  assert.deepEqual(late, []);
}

/** A lost slot would keep the last of these from running together with the others. */
async function assertAllSlotsFree(): Promise<void> {
  await stack.simulator.reset();
  const answers = await Promise.all(
    Array.from({ length: POOL_SIZE }, async (_, number) => {
      const body = chatBody('sim/think=500ms,tokens=1', { user: `user-${number}` });
      return await ask(stack.url, body);
    }),
  );
  assert.ok(answers.every(({ complete }) => complete));
  assert.equal((await stack.simulator.counts()).maxRunning, POOL_SIZE);
  await stack.idle();
}

/** Sends a request that would run for long, and leaves after a moment. */
async function comeAndLeave(id: string, random: SeededRandom): Promise<void> {
  const stream = random.next() < 0.7;
  const script = random.pick(['think=30s', 'think=5ms,tokens=2000,pace=20ms']);
  const body = chatBody(`sim/${script}`, { stream, user: `user-${random.int(0, 30)}` });
  const client = await RawClient.chat(stack.url, body, id);
  const waitMs = random.next() * LEAVE_AFTER_MAX_MS;
  if (waitMs >= 1) await delay(waitMs);
  leftAtMs.set(id, client.leave());
}

/** How many of them the gateway has seen come and go. */
function seen(prefix: string): number {
  const lines = stack.printed.filter(({ process }) => process.startsWith('gateway'));
  return lines.filter(({ text }) => text.includes(`"requestId":"${prefix}`)).length;
}

describe('callers who leave', () => {
  for (const atOnce of AT_ONCE) {
    const title = `1,000 of them, ${atOnce} at once, 0 to 10 ms after sending`;
    it(`${title}: a second later nothing runs and nothing is lost`, async (t) => {
      const random = seededRandom(testSeed(t));
      for (let sent = 0; sent < CANCELS; sent += atOnce) {
        const group = Array.from(
          { length: atOnce },
          (_, index) => `storm-${atOnce}-${sent + index}`,
        );
        await Promise.all(group.map(async (id) => await comeAndLeave(id, random)));
        const gone = () => seen(`storm-${atOnce}-`) === sent + atOnce;
        await until(gone, { what: 'the gateway to notice', timeoutMs: PATIENCE_MS });
      }
      const quiet = async () => (await stack.simulator.counts()).running === 0;
      await until(quiet, { what: 'the last run to stop', timeoutMs: GOES_ON_MAX_MS });
      const { started } = await stack.simulator.counts();
      t.diagnostic(`${started} of them had reached the model`);
    });
  }

  it('while the worker reconnects to NATS are heard by it; the others get all of their answers', async (t) => {
    const random = seededRandom(testSeed(t));
    const whole = chatBody('sim/tokens=40,pace=50ms', { stream: true });
    for (let round = 0; round < RECONNECTS; round += 1) {
      const staying = Array.from({ length: POOL_SIZE / 2 }, async (_, number) => {
        return await ask(stack.url, whole, { requestId: `stays-${round}-${number}` });
      });
      const leaving = await Promise.all(
        Array.from({ length: POOL_SIZE / 2 }, async (_, number) => {
          const id = `leaves-${round}-${number}`;
          const body = chatBody('sim/think=5ms,tokens=2000,pace=20ms', { stream: number > 1 });
          return { id, client: await RawClient.chat(stack.url, body, id) };
        }),
      );
      await stack.modelRuns(POOL_SIZE);
      const accepted = cable.accepted;
      cable.unplug();
      await Promise.all(
        leaving.map(async ({ id, client }) => {
          await delay(random.int(0, 300));
          leftAtMs.set(id, client.leave());
        }),
      );
      cable.mend();
      const back = () => cable.accepted > accepted;
      await until(back, { what: 'the worker to reconnect', timeoutMs: PATIENCE_MS });
      const answers = await Promise.all(staying);
      const expected = await ask(stack.url, chatBody('sim/tokens=40'));
      for (const { complete, text } of answers) {
        assert.deepEqual([complete, text], [true, expected.text]);
      }
    }
  });
});

leakGuard();
