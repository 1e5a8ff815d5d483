/** High and normal requests share the slots, over a real nats-server. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Priority } from '@switchboard/contract';
import { deferred, until } from '@switchboard/testkit';
import { answerAtOnce, collect, type Gateway, type Handler, Harness, submit } from './harness.ts';

const SLOTS = 3;
/** How long a run takes. */
const WORK_MS = 10;

let harness: Harness;
let gateway: Gateway;
/** Priorities of the runs, in the order in which they began. */
let begun: Priority[];

beforeEach(async () => {
  harness = await Harness.start();
  gateway = await harness.gateway();
  begun = [];
});
afterEach(() => harness.stop());

const work: Handler = async function* (request) {
  begun.push(request.requestId.startsWith('high') ? 'high' : 'normal');
  await delay(WORK_MS);
  yield* answerAtOnce();
};

let names = 0;

/** Requests of `users` users with `each` one after another, so that all lanes fill. */
async function send(priority: Priority, users: number, each: number): Promise<Promise<unknown>[]> {
  names += 1;
  const ends: Promise<unknown>[] = [];
  for (let count = 0; count < each; count++) {
    const handles = await Promise.all(
      Array.from({ length: users }, (_, user) => {
        const requestId = `${priority}-${names}-${user}-${count}`;
        return submit(gateway, `${priority}-${names}-${user}`, { priority, requestId });
      }),
    );
    ends.push(...handles.map((handle) => collect(handle.events())));
  }
  return ends;
}

const countOf = (priority: Priority, among: readonly Priority[]): number =>
  among.filter((each) => each === priority).length;

/** Most of `priority` that began between two of the other. */
function longestOf(priority: Priority, among: readonly Priority[]): number {
  let longest = 0;
  let length = 0;
  for (const each of among) {
    length = each === priority ? length + 1 : 0;
    longest = Math.max(longest, length);
  }
  return longest;
}

describe('the priorities', () => {
  it('share the slots 4:1 while both wait, and neither waits long for its turn', async () => {
    const ends = [...(await send('high', 40, 10)), ...(await send('normal', 15, 10))];
    for (const name of ['a', 'b', 'c']) await harness.worker(work, SLOTS, name);
    await Promise.all(ends);
    assert.equal(begun.length, 550);
    // Some high ones are left: until here both wait.
    const both = begun.slice(0, 450);
    const high = countOf('high', both);
    assert.ok(high >= 342 && high <= 378, `${high} of ${both.length} were high`);
    assert.ok(longestOf('high', both) <= 30, `${longestOf('high', both)} high ones in a row`);
    assert.ok(longestOf('normal', both) <= 10, `${longestOf('normal', both)} normal ones in a row`);
  });

  it('share them 4:1 also when one slot does one run after another', async () => {
    const ends = [...(await send('high', 40, 3)), ...(await send('normal', 30, 1))];
    await harness.worker(work, 1);
    await Promise.all(ends);
    const both = begun.slice(0, 100);
    assert.ok(Math.abs(countOf('high', both) - 80) <= 2, `${countOf('high', both)} of 100`);
    assert.equal(longestOf('high', both), 4);
    assert.equal(longestOf('normal', both), 1);
  });

  for (const priority of ['high', 'normal'] as const) {
    it(`give all slots to requests of ${priority} priority when no others wait`, async () => {
      const end = deferred();
      let running = 0;
      await harness.worker(async function* () {
        running += 1;
        await end.promise;
        yield* answerAtOnce();
      }, 8);
      const ends = await send(priority, 8, 1);
      await until(() => running === 8, { what: 'eight running' });
      end.resolve();
      await Promise.all(ends);
    });
  }

  it('let a high request that comes late overtake a queue of normal ones', async () => {
    const ends = await send('normal', 60, 10);
    for (const name of ['a', 'b']) await harness.worker(work, SLOTS, name);
    for (let round = 1; round <= 5; round++) {
      await until(() => begun.length >= 80 * round, { what: 'a full pool' });
      const [high] = await send('high', 1, 1);
      const before = begun.length;
      assert.ok(high !== undefined);
      ends.push(high);
      await until(() => countOf('high', begun) === round, { what: 'the high one' });
      const overtaken = begun.lastIndexOf('high') - before;
      // The runs that are on, and one turn of a normal one in each worker, with room to spare.
      assert.ok(overtaken <= 30, `${overtaken} began before it`);
    }
    await Promise.all(ends);
  });

  it('cost nothing while there are only normal requests: high lanes are not asked', async () => {
    let asked = 0;
    harness.observer.subscribe('$JS.API.CONSUMER.MSG.NEXT.REQUESTS_default.*', {
      callback: (_error, { subject }) => {
        if (subject.includes('.high')) asked += 1;
      },
    });
    await harness.observer.flush();
    const ends = await send('normal', 60, 10);
    await harness.worker(work, SLOTS);
    await until(() => begun.length >= 100, { what: 'a worker that knows them to be empty' });
    const beganAtMs = performance.now();
    const before = asked;
    await until(() => begun.length >= 500, { what: 'many runs' });
    const passedMs = performance.now() - beganAtMs;
    // Each of the four once in a second.
    assert.ok(asked - before <= 4 * (passedMs / 1_000 + 1), `${asked - before} in ${passedMs} ms`);
    await Promise.all(ends);
  });
});
