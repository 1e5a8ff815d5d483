/** What is left of a run after its purge, and what a writer can do who comes late. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  checkEvents,
  encodeEvents,
  EVENTS_STREAM,
  newRunId,
  type RunEnd,
  runClaim,
  runEnd,
  runEvents,
  type RunEvent,
  runLog,
} from '@switchboard/contract';
import { until } from '@switchboard/testkit';
import type { NatsLink } from '../src/link/nats-link.ts';
import { store } from '../src/link/store.ts';
import { isGravestone, purgeLate, purgeRun } from '../src/state/purge-run.ts';
import { RunLog } from '../src/worker/run-log.ts';
import { Harness } from './harness.ts';

const NEEDLE = 'a-secret-that-nobody-may-find';
const DELTA: RunEvent = { type: 'text.delta', text: NEEDLE };
const CANCELLED: RunEnd = { type: 'cancelled', reason: 'client_gone' };
const COMPLETED: RunEnd = { type: 'completed', finishReason: 'stop', model: 'model' };
const never = new AbortController().signal;

describe('the purge of a run', () => {
  let harness: Harness;
  let link: NatsLink;
  before(async () => {
    harness = await Harness.start();
    await harness.ensureEvents();
    link = await harness.link();
  });
  after(() => harness.stop());

  const subjects = async (run: string): Promise<Record<string, number>> => {
    const filter = { subjects_filter: runEvents(run) };
    const { state } = await harness.manager.streams.info(EVENTS_STREAM, filter);
    return state.subjects ?? {};
  };
  /** A run that a worker has begun to answer. */
  const begin = async (deltas = 3): Promise<{ run: string; log: RunLog }> => {
    const run = newRunId('gateway');
    const log = new RunLog(link, run, 'worker');
    assert.equal((await log.open(never)).kind, 'started');
    for (let index = 0; index < deltas; index++) {
      await log.emit(DELTA);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(async () => (await subjects(run))[runLog(run, 1)] === deltas, { what: 'deltas' });
    return { run, log };
  };
  /** As a gateway does it. */
  const endHere = (run: string, end: RunEnd) =>
    store(link, runEnd(run), encodeEvents({ a: 0, n: 1, e: [end] }), { expectedLast: 0 });
  const onlyTheGraveIsLeft = async (run: string, end: RunEnd['type']): Promise<void> => {
    assert.deepEqual(await subjects(run), { [runEnd(run)]: 1 });
    const last = { last_by_subj: runEnd(run) };
    const text = (await harness.manager.streams.getMessage(EVENTS_STREAM, last))?.string() ?? '';
    const message = checkEvents(text);
    assert.equal(message.e.at(-1)?.type, end);
    assert.ok(isGravestone(JSON.parse(text)));
  };

  it('leaves the kind of its end and no byte of the answer, and other runs whole', async () => {
    const { run, log } = await begin();
    const other = newRunId('gateway');
    const otherLog = new RunLog(link, other, 'worker');
    await otherLog.open(never);
    await otherLog.emit({ type: 'text.delta', text: 'of another run' });
    await log.emit(DELTA);
    await log.emit({ type: 'refusal.delta', text: NEEDLE });
    const end: RunEnd = { ...COMPLETED, finishReason: NEEDLE, systemFingerprint: NEEDLE };
    assert.equal(await log.end(end, never), 'stored');
    assert.equal(await otherLog.end(COMPLETED, never), 'stored');
    const kept = await subjects(other);
    await purgeRun(link, run);
    assert.deepEqual(await harness.findAnywhere(NEEDLE), []);
    await onlyTheGraveIsLeft(run, 'completed');
    assert.deepEqual(await subjects(other), kept);
  });

  it('asks NATS four things about a run, and a fifth about one that a gateway has ended', async (test) => {
    const asked: string[] = [];
    const subscription = harness.observer.subscribe('$JS.API.STREAM.*.>', {
      callback: (_error, { subject }) => void asked.push(subject.split('.').slice(3).join('.')),
    });
    test.after(() => subscription.unsubscribe());
    await harness.observer.flush();
    const byWorker = await begin();
    await byWorker.log.end(COMPLETED, never);
    const byGateway = await begin();
    await endHere(byGateway.run, CANCELLED);
    const get = 'MSG.GET.EVENTS';
    const rest = ['MSG.DELETE.EVENTS', 'PURGE.EVENTS', 'PURGE.EVENTS'];
    for (const { run, gets } of [
      { run: byWorker.run, gets: [get] },
      { run: byGateway.run, gets: [get, get] },
    ]) {
      await harness.observer.flush();
      asked.length = 0;
      await purgeRun(link, run);
      await harness.observer.flush();
      assert.deepEqual(asked.toSorted(), [...rest, ...gets].toSorted());
    }
  });

  it('leaves nothing that a provider said of a failure', async () => {
    const { run, log } = await begin();
    await log.end({ type: 'failed', code: 'provider_error', message: NEEDLE }, never);
    await purgeRun(link, run);
    assert.deepEqual(await harness.findAnywhere(NEEDLE), []);
    await onlyTheGraveIsLeft(run, 'failed');
  });

  it('takes all attempts, whoever wrote the end', async () => {
    for (const a of [0, 3]) {
      const run = newRunId('gateway');
      const publish = (subject: string, message: object): Promise<unknown> =>
        harness.observer.request(subject, JSON.stringify(message));
      for (const attempt of [1, 2, 3]) {
        await publish(runClaim(run), { a: attempt, n: 1, e: [{ type: 'started', worker: 'w' }] });
        await publish(runLog(run, attempt), { a: attempt, n: 2, e: [DELTA] });
      }
      await publish(runEnd(run), { a, n: 3, e: [CANCELLED] });
      await publish(runLog(run, 3), { a: 3, n: 4, e: [DELTA] });
      await purgeRun(link, run);
      await onlyTheGraveIsLeft(run, 'cancelled');
    }
    assert.deepEqual(await harness.findAnywhere(NEEDLE), []);
  });

  it('refuses the end, the claim and the cancel of whoever comes after it', async () => {
    const { run, log } = await begin();
    await endHere(run, CANCELLED);
    await purgeRun(link, run);
    await onlyTheGraveIsLeft(run, 'cancelled');
    // The worker was frozen all the time and knows nothing.
    assert.equal(await log.end(COMPLETED, never), 'ended');
    assert.deepEqual(await new RunLog(link, run, 'another').open(never), { kind: 'ended' });
    await assert.rejects(endHere(run, CANCELLED), { failure: 'conflict' });
    // Its sign of life is in the log again, until it is told that it has lost the run.
    await purgeLate(link, run);
    await onlyTheGraveIsLeft(run, 'cancelled');
  });

  it('refuses a take-over that was being decided while it went on', async () => {
    const { run } = await begin();
    const last = { last_by_subj: runEvents(run) };
    const { seq } = (await harness.manager.streams.getMessage(EVENTS_STREAM, last)) ?? { seq: 0 };
    await endHere(run, CANCELLED);
    await purgeRun(link, run);
    const claim = encodeEvents({ a: 2, n: 1, e: [{ type: 'started', worker: 'late' }] });
    for (const expectedLast of [seq, 0]) {
      const options = { expectedLast, filter: runEvents(run) };
      await assert.rejects(store(link, runClaim(run), claim, options), { failure: 'conflict' });
    }
  });

  it('is repeated by the worker who wrote on after it', async () => {
    const { run, log } = await begin();
    await endHere(run, CANCELLED);
    await purgeLate(link, run);
    assert.ok((await harness.findAnywhere(NEEDLE)).length > 0, 'not yet: it can be read still');
    await purgeRun(link, run);
    await log.emit(DELTA);
    await until(async () => (await harness.findAnywhere(NEEDLE)).length > 0, { what: 'it' });
    assert.equal(await log.end(COMPLETED, never), 'ended');
    await purgeLate(link, run);
    assert.deepEqual(await harness.findAnywhere(NEEDLE), []);
    await onlyTheGraveIsLeft(run, 'cancelled');
  });

  it('may be done by several at once, and finishes what one began who died', async () => {
    const { run, log } = await begin();
    await log.emit(DELTA);
    await log.end(COMPLETED, never);
    const last = { last_by_subj: runEnd(run) };
    const stored = await harness.manager.streams.getMessage(EVENTS_STREAM, last);
    const half = { ...stored?.json<object>(), e: [COMPLETED], gone: true };
    await harness.observer.request(runEnd(run), JSON.stringify(half));
    const links = [link, await harness.link()];
    await Promise.all([...links, ...links, ...links].map((each) => purgeRun(each, run)));
    assert.deepEqual(await harness.findAnywhere(NEEDLE), []);
    await onlyTheGraveIsLeft(run, 'completed');
    const another = await begin();
    await another.log.end(COMPLETED, never);
    await Promise.all([...links, ...links, ...links].map((each) => purgeRun(each, another.run)));
    await onlyTheGraveIsLeft(another.run, 'completed');
  });

  it('leaves a run alone that has not ended', async () => {
    const { run, log } = await begin();
    await purgeRun(link, run);
    assert.equal((await subjects(run))[runLog(run, 1)], 3);
    assert.equal(await log.end(COMPLETED, never), 'stored');
    await purgeRun(link, run);
    await onlyTheGraveIsLeft(run, 'completed');
  });
});
