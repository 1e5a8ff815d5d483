/** Many readers of one run, at any gateway: what they are given, and what becomes of it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  encodeEvents,
  type EventMessage,
  type RunEvent,
  runClaim,
  runEnd,
  runEvents,
  runLog,
} from '@switchboard/contract';
import { headers } from '@nats-io/transport-node';
import { seededRandom, testSeed, until } from '@switchboard/testkit';
import { purgeRun } from '../src/index.ts';
import { answerAtOnce, collect, Harness, submit, types } from './harness.ts';

const started: RunEvent = { type: 'started', worker: 'w' };
const word = (text: string): RunEvent => ({ type: 'text.delta', text });
const completed: RunEvent = { type: 'completed', finishReason: 'stop' };

interface Stored {
  readonly subject: string;
  readonly message: EventMessage;
}

describe('followers', () => {
  let harness: Harness;
  before(async () => {
    harness = await Harness.start();
  });
  after(() => harness.stop());
  const say = async (subject: string, message: EventMessage): Promise<void> => {
    await harness.observer.request(subject, encodeEvents(message), { timeout: 5_000 });
  };

  it('are all given the same sequence, whenever they come, at whichever gateway', async (test) => {
    const random = seededRandom(testSeed(test));
    const gateways = [await harness.gateway(), await harness.gateway()];
    for (let round = 0; round < 12; round++) {
      const run = random.pick(gateways).client.newRunId();
      const said = someRun(run, random);
      const readings: Promise<RunEvent[]>[] = [];
      const join = async (): Promise<void> => {
        const handle = await random.pick(gateways).client.follow(run);
        readings.push(collect(random.next() < 0.3 ? slowly(handle.events()) : handle.events()));
      };
      await join();
      for (const { subject, message } of said) {
        if (random.next() < 0.3) await join();
        // Not waited for: what is said by two workers overlaps as it does in life.
        if (random.next() < 0.5) harness.observer.publish(subject, encodeEvents(message));
        else await say(subject, message);
      }
      await join();
      const [first, ...others] = await Promise.all(readings);
      assert.ok(first !== undefined && first.length > 1);
      for (const other of others) assert.deepEqual(other, first);
      for (const { client } of gateways) assert.deepEqual(await client.readLogged(run), first);
    }
    for (const { client } of gateways) await client.close();
  });

  it('never see a claim or an end that the log refused', async () => {
    const [one, two] = [await harness.gateway(), await harness.gateway()];
    const run = one.client.newRunId();
    const readers = [one, two].map(async ({ client }) => (await client.follow(run)).events());
    const iterators = (await Promise.all(readers)).map((events) => events[Symbol.asyncIterator]());
    const next = async () => (await Promise.all(iterators.map((each) => each.next()))).map(valueOf);
    await say(runClaim(run), { a: 1, n: 1, e: [started] });
    assert.deepEqual(await next(), [started, started]);
    const refuse = async (subject: string, message: EventMessage): Promise<void> => {
      const expected = headers();
      expected.set('Nats-Expected-Last-Subject-Sequence', '999999');
      const options = { timeout: 5_000, headers: expected };
      const answer = await harness.observer.request(subject, encodeEvents(message), options);
      assert.equal(answer.json<{ error?: { err_code: number } }>().error?.err_code, 10071);
    };
    await refuse(runEnd(run), { a: 1, n: 2, e: [word('refused'), completed] });
    await refuse(runClaim(run), { a: 2, n: 1, e: [started] });
    await say(runLog(run, 1), { a: 1, n: 2, e: [word('right')] });
    assert.deepEqual(await next(), [word('right'), word('right')]);
    await say(runEnd(run), { a: 1, n: 3, e: [completed] });
    assert.deepEqual(await next(), [completed, completed]);
    for (const { client } of [one, two]) await client.close();
  });

  it('see the same when workers and cancels race for the end', async () => {
    const gateways = [await harness.gateway(), await harness.gateway()] as const;
    const { server } = await harness.worker(async function* () {
      yield word('begun');
      await nextTurn();
      yield completed;
    });
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const handle = await submit(gateways[0], `user-${index % 8}`);
        const far = await gateways[1].client.follow(handle.run);
        const reading = Promise.all([collect(handle.events()), collect(far.events())]);
        if (index % 2 === 0) await gateways[1].client.cancelRun(handle.run, 'requested');
        const [own, other] = await reading;
        assert.deepEqual(other, own);
        assert.deepEqual(await gateways[0].client.readLogged(handle.run), own);
        assert.equal(await gateways[1].client.find(handle.run), 'ended');
      }),
    );
    await until(async () => (await harness.count('REQUESTS_default')) === 0, { what: 'no queue' });
    await server.close();
  });

  it('of another gateway cost a subscription only while they read', async () => {
    const [one, two] = [await harness.gateway(), await harness.gateway()];
    const run = one.client.newRunId();
    const listening = (): number => two.link.connection.stats().inMsgs;
    const reader = await two.client.follow(run);
    const iterator = reader.events()[Symbol.asyncIterator]();
    const first = iterator.next();
    await say(runClaim(run), { a: 1, n: 1, e: [started] });
    assert.deepEqual((await first).value, started);
    await iterator.return?.();
    reader.close();
    await two.link.connection.flush();
    const heard = listening();
    // Many: gateways tell each other that they live meanwhile.
    for (let n = 2; n < 52; n++) {
      await say(runLog(run, 1), { a: 1, n, e: [word('unheard')] });
    }
    await two.link.connection.flush();
    const more = listening() - heard;
    assert.ok(more < 10, `${more} messages were heard after the reader had left`);
    await one.client.close();
    await two.client.close();
  });

  it('find what the log knows', async () => {
    const gateway = await harness.gateway();
    const run = gateway.client.newRunId();
    assert.equal(await gateway.client.find(run), 'unknown');
    assert.deepEqual(await gateway.client.readLogged(run), []);
    await say(runClaim(run), { a: 1, n: 1, e: [started] });
    assert.equal(await gateway.client.find(run), 'open');
    assert.deepEqual(await gateway.client.readLogged(run), [started]);
    await say(runEnd(run), { a: 1, n: 2, e: [completed] });
    await say(runLog(run, 1), { a: 1, n: 2, e: [word('late')] });
    assert.equal(await gateway.client.find(run), 'ended');
    assert.deepEqual(await gateway.client.readLogged(run), [started, completed]);
    await assert.rejects(gateway.client.find('no run'), TypeError);
    await gateway.client.close();
  });

  it('of a run whose events were removed are told so, also in the middle', async () => {
    const gateway = await harness.gateway();
    const { server } = await harness.worker(answerAtOnce);
    const handle = await submit(gateway, 'u');
    await collect(handle.events());
    await purgeRun(gateway.link, handle.run);
    const late = await gateway.client.follow(handle.run);
    const [end] = await collect(late.events());
    assert.ok(end?.type === 'failed' && end.code === 'answer_incomplete');
    await harness.manager.streams.purge('EVENTS', { filter: runEvents(handle.run) });
    const later = await gateway.client.follow(handle.run, { begun: true });
    assert.deepEqual(await collect(later.events()), [end]);
    await server.close();
    await gateway.client.close();
  });

  it('of a run that was cancelled elsewhere while it was queued leave nothing on the queue', async () => {
    const [one, two] = [await harness.gateway(), await harness.gateway()];
    const handle = await submit(one, 'u');
    await two.client.cancelRun(handle.run, 'requested');
    await two.client.cancelRun(handle.run, 'requested');
    assert.deepEqual(types(await collect(handle.events())), ['cancelled']);
    await until(async () => (await harness.count('REQUESTS_default')) === 0, { what: 'no queue' });
    await one.client.close();
    await two.client.close();
  });
});

/** A run of one to three attempts, with repeats, late words and any kind of end. */
function someRun(run: string, random: ReturnType<typeof seededRandom>): Stored[] {
  const said: Stored[] = [];
  const attempts = random.int(1, 3);
  const late: Stored[] = [];
  for (let a = 1; a <= attempts; a++) {
    said.push({ subject: runClaim(run), message: { a, n: 1, e: [started] } });
    let n = 2;
    for (let index = random.int(0, 20); index > 0; index--) {
      const e = Array.from({ length: random.int(0, 3) }, (_, i) => word(`${a}.${n + i} `));
      const stored = { subject: runLog(run, a), message: { a, n, e } };
      n += e.length;
      said.push(stored);
      if (random.next() < 0.2) said.push(stored);
      if (random.next() < 0.2 && late.length > 0) said.push(random.pick(late));
    }
    late.push({ subject: runLog(run, a), message: { a, n, e: [word('late ')] } });
    if (a < attempts) continue;
    const end: EventMessage =
      random.next() < 0.5
        ? { a, n, e: [word('last'), completed] }
        : { a: 0, n: 1, e: [{ type: 'cancelled', reason: 'requested' }] };
    said.push({ subject: runEnd(run), message: end }, random.pick(late));
  }
  return said;
}

const valueOf = (result: IteratorResult<RunEvent, unknown>): unknown => result.value;

async function* slowly(events: AsyncIterable<RunEvent>): AsyncGenerator<RunEvent> {
  for await (const event of events) {
    await nextTurn();
    yield event;
  }
}
