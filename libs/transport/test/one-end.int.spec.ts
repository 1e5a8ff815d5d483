/** The end of a run against what others write into its log in the same moment. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  encodeEvents,
  EVENTS_STREAM,
  type RunEvent,
  runClaim,
  runEnd,
  runEvents,
} from '@switchboard/contract';
import { until } from '@switchboard/testkit';
import { collect, Harness, submit } from './harness.ts';

/** More than one window of acknowledgements: some of it is still under way at the end. */
const WORDS = 100;

/** Says a word, waits, says the rest in many messages and completes. */
function gatedAnswer(gate: Promise<void>, first: 'word' | 'nothing') {
  return async function* (): AsyncGenerator<RunEvent> {
    if (first === 'word') yield { type: 'text.delta', text: 'begun ' };
    await gate;
    for (let word = 0; word < WORDS; word++) {
      yield { type: 'text.delta', text: `${word} ` };
      await nextTurn();
    }
    yield { type: 'completed', finishReason: 'stop' };
  };
}

describe('the end of a run', () => {
  let harness: Harness;
  before(async () => {
    harness = await Harness.start();
  });
  after(() => harness.stop());
  const stored = async (subject: string): Promise<number> => {
    const filter = { subjects_filter: subject };
    const { state } = await harness.manager.streams.info(EVENTS_STREAM, filter);
    return Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
  };
  const request = (subject: string, data: string) =>
    harness.observer.request(subject, data, { timeout: 5_000 });

  it('is one also when its worker writes on after somebody else has ended it', async () => {
    const gateway = await harness.gateway();
    const gate = Promise.withResolvers<void>();
    const { server } = await harness.worker(gatedAnswer(gate.promise, 'word'));
    const handle = await submit(gateway, 'ended');
    await until(async () => (await stored(runEvents(handle.run))) === 2, { what: 'a word' });
    // As a gateway does it that dies before it can tell the worker.
    const end: RunEvent = { type: 'cancelled', reason: 'client_gone' };
    await request(runEnd(handle.run), encodeEvents({ a: 0, n: 1, e: [end] }));
    gate.resolve();
    await until(() => server.busy === 0, { what: 'a free slot' });
    assert.ok((await stored(runEvents(handle.run))) > 3, 'the worker wrote on');
    assert.equal(await stored(runEnd(handle.run)), 1);
    assert.deepEqual((await collect(handle.events())).at(-1), end);
    await server.close();
  });

  it('is not written by a worker whose run somebody else has taken over', async () => {
    const gateway = await harness.gateway();
    const gate = Promise.withResolvers<void>();
    const { server, link } = await harness.worker(gatedAnswer(gate.promise, 'nothing'));
    const handle = await submit(gateway, 'taken');
    await until(async () => (await stored(runClaim(handle.run))) === 1, { what: 'a claim' });
    // As another worker does it when this one was frozen for long.
    const started: RunEvent = { type: 'started', worker: 'another' };
    await request(runClaim(handle.run), encodeEvents({ a: 2, n: 1, e: [started] }));
    gate.resolve();
    await until(() => server.busy === 0, { what: 'a free slot' });
    await server.close();
    await link.connection.flush();
    assert.equal(await stored(runEnd(handle.run)), 0);
    assert.equal(await harness.count('REQUESTS_default'), 1, 'whoever has it may die, too');
    const end: RunEvent = { type: 'completed', finishReason: 'stop' };
    await request(runEnd(handle.run), encodeEvents({ a: 2, n: 2, e: [end] }));
    const events = await collect(handle.events());
    assert.deepEqual(
      events.map(({ type }) => type),
      ['started', 'started', 'completed'],
    );
  });
});
