/** The writing end of a run's log: what it says, and when it keeps silent. */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  checkEvents,
  encodeEvents,
  EVENTS_STREAM,
  LEASE_MS,
  newRunId,
  runClaim,
  runEnd,
  type RunEnd,
  runEvents,
  type RunEvent,
  TAKEOVER_MS,
} from '@switchboard/contract';
import { Cable, until } from '@switchboard/testkit';
import { NatsLink } from '../src/index.ts';
import { RunLog } from '../src/worker/run-log.ts';
import { Harness, silent, types } from './harness.ts';

const COMPLETED: RunEnd = { type: 'completed', finishReason: 'stop' };
const never = new AbortController().signal;
const word = (text: string): RunEvent => ({ type: 'text.delta', text });

describe('the log of a run', () => {
  let harness: Harness;
  let link: NatsLink;
  before(async () => {
    harness = await Harness.start();
    const gateway = await harness.gateway();
    await gateway.client.close();
    ({ link } = gateway);
  });
  after(() => harness.stop());

  const linkTo = async (test: TestContext, servers: string): Promise<NatsLink> => {
    const opened = NatsLink.open({ servers, name: 'worker', log: silent });
    test.after(() => opened.close());
    await until(() => opened.connected, { what: 'a connection' });
    return opened;
  };
  /** A claimed run whose clock is turned by hand: as if its process stood still. */
  const open = async (
    through = link,
  ): Promise<{ run: string; log: RunLog; stop: (ms: number) => void }> => {
    let stoppedMs = 0;
    const run = newRunId('gateway');
    const log = new RunLog(through, run, 'worker', () => performance.now() + stoppedMs);
    assert.equal((await log.open(never)).kind, 'started');
    return { run, log, stop: (ms) => (stoppedMs += ms) };
  };
  /** Every message of a run there is, oldest first. */
  const stored = async (run: string): Promise<RunEvent[][]> => {
    await link.connection.flush();
    const filter = { subjects_filter: runEvents(run) };
    const { state } = await harness.manager.streams.info(EVENTS_STREAM, filter);
    const count = Object.values(state.subjects ?? {}).reduce((sum, each) => sum + each, 0);
    const messages: RunEvent[][] = [];
    for (let seq = 1; messages.length < count;) {
      const query = { seq, next_by_subj: runEvents(run) };
      const message = await harness.manager.streams.getMessage(EVENTS_STREAM, query);
      assert.ok(message);
      messages.push([...checkEvents(message.string()).e]);
      seq = message.seq + 1;
    }
    return messages;
  };
  const request = (subject: string, message: Parameters<typeof encodeEvents>[0]) =>
    harness.observer.request(subject, encodeEvents(message), { timeout: 5_000 });
  const takeOver = (run: string) =>
    request(runClaim(run), { a: 2, n: 1, e: [{ type: 'started', worker: 'another' }] });

  it('says nothing of its own accord when its process has stood still for too long', async () => {
    const { run, log, stop } = await open();
    await log.emit(word('before'));
    await nextTurn();
    await log.heartbeat();
    const said = await stored(run);
    stop(LEASE_MS + 1);
    assert.ok(log.isLost);
    for (let index = 0; index < 600; index++) void log.emit(word('after'));
    await nextTurn();
    await log.heartbeat();
    await assert.rejects(log.handBack());
    assert.deepEqual(await stored(run), said);
  });

  it('waits for room no longer than its run may go on', async (test) => {
    const cable = await Cable.to(harness.nats.port);
    test.after(() => cable.close());
    const { log } = await open(await linkTo(test, cable.url));
    cable.cut();
    const stopping = new AbortController();
    let room: Promise<void> | undefined;
    while (room === undefined) {
      room = log.emit(word('word'), stopping.signal);
      await nextTurn();
    }
    stopping.abort();
    await room;
  });

  it('ends a run that nobody took meanwhile, after all that was not known to be stored', async () => {
    const { run, log, stop } = await open();
    void log.emit(word('a'));
    stop(LEASE_MS + 1);
    await nextTurn();
    void log.emit(word('b'));
    assert.equal(await log.end(COMPLETED, never), 'stored');
    const events = (await stored(run)).flat();
    const said = events.slice(1).map((event) => ('text' in event ? event.text : event.type));
    assert.deepEqual(said, ['a', 'b', 'completed']);
  });

  it('says nothing, and has lost the run, when another worker has taken it meanwhile', async () => {
    const { run, log, stop } = await open();
    void log.emit(word('a'));
    stop(TAKEOVER_MS);
    await nextTurn();
    await takeOver(run);
    assert.equal(await log.end(COMPLETED, never), 'lost');
    assert.equal((await stored(run)).length, 2, 'two claims');
  });

  it('has lost a run against an end as well, and tells the two apart', async () => {
    const { run, log } = await open();
    await request(runEnd(run), { a: 0, n: 1, e: [{ type: 'cancelled', reason: 'requested' }] });
    assert.equal(await log.end(COMPLETED, never), 'ended');
  });

  it('does not end a run in an emptied log when it stood still: it may have ended long ago', async () => {
    for (const said of [[], ['something']]) {
      const { run, log, stop } = await open();
      for (const text of said) void log.emit(word(text));
      stop(LEASE_MS + 1);
      await nextTurn();
      await harness.manager.streams.purge(EVENTS_STREAM);
      assert.equal(await log.end(COMPLETED, never), 'lost');
      assert.deepEqual(await stored(run), []);
    }
  });

  it('ends a run in an emptied log while its claim holds', async () => {
    const { run, log } = await open();
    await harness.manager.streams.purge(EVENTS_STREAM);
    assert.equal(await log.end(COMPLETED, never), 'stored');
    assert.deepEqual((await stored(run)).map(types), [['completed']]);
  });
});
