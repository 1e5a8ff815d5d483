import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EventMessage, RunEvent } from '@switchboard/contract';
import fc from 'fast-check';
import type { LoggedMessage, LogPosition } from '../events/log-reader.ts';
import { BUFFER_EVENTS_MAX, RunFeed } from './run-feed.ts';

const text = (value: string): RunEvent => ({ type: 'text.delta', text: value });
const started: RunEvent = { type: 'started', worker: 'w' };
const completed: RunEvent = { type: 'completed', finishReason: 'stop' };
const cancelled: RunEvent = { type: 'cancelled', reason: 'requested' };

interface Said {
  readonly message: EventMessage;
  readonly end: boolean;
}

/** A log that holds what was stored so far. */
class Log {
  readonly stored: LoggedMessage[] = [];

  store({ message, end }: Said): void {
    const seq = (this.stored.at(-1)?.seq ?? 0) + 3;
    this.stored.push({ seq, isEnd: end, message, text: '' });
  }

  /** Read by time it gives only the youngest, as a server does whose clock is ahead. */
  readonly read = (from: LogPosition): Promise<readonly LoggedMessage[]> => {
    const youngest = this.stored.at(-3)?.seq ?? 1;
    const fromSeq = 'seq' in from ? from.seq : youngest;
    return Promise.resolve(this.stored.filter(({ seq }) => seq >= fromSeq).slice(0, 5));
  };
}

/** One attempt's messages: started, `deltas` of one to three events, and an end. */
function attempt(a: number, sizes: readonly number[], end: RunEvent | undefined): Said[] {
  const said: Said[] = [{ message: { a, n: 1, e: [started] }, end: false }];
  let n = 2;
  for (const size of sizes) {
    const e = Array.from({ length: size }, (_, index) => text(`${a}.${n + index}`));
    said.push({ message: { a, n, e }, end: false });
    n += size;
  }
  if (end !== undefined) said.push({ message: { a, n, e: [end] }, end: true });
  return said;
}

async function collect(feed: RunFeed): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of feed.events()) events.push(event);
  return events;
}

const flat = (said: readonly Said[]): RunEvent[] => said.flatMap(({ message }) => [...message.e]);

describe('RunFeed', () => {
  it('F1 and F2: gives every event once and in order, whatever the live path loses or repeats', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 30 }),
        fc.array(fc.constantFrom('live', 'lost', 'twice', 'catch up', 'yield'), { maxLength: 60 }),
        fc.boolean(),
        async (sizes, fates, takenOver) => {
          const said = takenOver
            ? [...attempt(1, [], undefined), ...attempt(2, sizes, completed)]
            : attempt(1, sizes, completed);
          const log = new Log();
          let ends = 0;
          const feed = new RunFeed(log.read, () => (ends += 1));
          const reading = collect(feed);
          for (const [index, each] of said.entries()) {
            log.store(each);
            const fate = fates[index] ?? 'live';
            if (fate !== 'lost') feed.push(each.message, each.end);
            if (fate === 'twice') feed.push(each.message, each.end);
            if (fate === 'catch up') feed.catchUp();
            if (fate === 'yield') await new Promise((resolve) => setImmediate(resolve));
          }
          feed.catchUp(); // The end itself may have been lost: the sweep of the gateway does this.
          // An attempt that was taken over had shown nothing: its `started` may be missing.
          const read = await reading;
          const lastAttempt = flat(takenOver ? said.slice(1) : said);
          assert.deepEqual(read.slice(-lastAttempt.length), lastAttempt);
          assert.ok(read.slice(0, -lastAttempt.length).every((event) => event.type === 'started'));
          assert.equal(ends, 1);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('fills a gap only once the log holds it, also when the live path was faster', async () => {
    const said = attempt(1, [1, 1, 1], completed);
    const log = new Log();
    const feed = new RunFeed(log.read, () => undefined);
    const reading = collect(feed);
    const [first, , third] = said;
    assert.ok(first !== undefined && third !== undefined);
    log.store(first);
    feed.push(first.message, false);
    feed.push(third.message, false); // The second was lost, and nothing is stored yet.
    await new Promise((resolve) => setImmediate(resolve));
    for (const each of said.slice(1)) log.store(each);
    assert.deepEqual(await reading, flat(said));
  });

  it('takes an end that a gateway wrote wherever the log stands, and nothing after it', async () => {
    const feed = new RunFeed(new Log().read, () => undefined);
    const reading = collect(feed);
    feed.push({ a: 1, n: 1, e: [started] }, false);
    feed.push({ a: 0, n: 1, e: [cancelled] }, true);
    feed.push({ a: 1, n: 2, e: [text('late')] }, false);
    feed.push({ a: 1, n: 3, e: [completed] }, true);
    assert.deepEqual(await reading, [started, cancelled]);
  });

  it('drops what a lost attempt says after it was taken over', async () => {
    const feed = new RunFeed(new Log().read, () => undefined);
    const reading = collect(feed);
    feed.push({ a: 1, n: 1, e: [started] }, false);
    feed.push({ a: 2, n: 1, e: [started] }, false);
    feed.push({ a: 1, n: 2, e: [text('late')] }, false);
    feed.push({ a: 2, n: 2, e: [text('right'), completed] }, true);
    assert.deepEqual(await reading, [started, started, text('right'), completed]);
  });

  it('F3: holds a bounded number of events for a reader that does not read, and loses none', async () => {
    const sizes = Array.from({ length: 3 * BUFFER_EVENTS_MAX }, () => 1);
    const said = attempt(1, sizes, completed);
    const log = new Log();
    const feed = new RunFeed(log.read, () => undefined);
    for (const each of said) {
      log.store(each);
      feed.push(each.message, each.end);
    }
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(feed.buffered <= BUFFER_EVENTS_MAX, `holds ${feed.buffered}`);
    assert.equal(feed.ended, false);
    assert.deepEqual(await collect(feed), flat(said));
  });

  it('F3: takes a message that is larger than what it holds', async () => {
    const said = attempt(1, [3 * BUFFER_EVENTS_MAX, 2], completed);
    const log = new Log();
    const feed = new RunFeed(log.read, () => undefined);
    for (const each of said) {
      log.store(each);
      feed.push(each.message, each.end);
    }
    assert.deepEqual(await collect(feed), flat(said));
  });

  it('says so when the log itself has a gap, instead of leaving text out', async () => {
    const said = attempt(1, [1, 1, 1], completed);
    const log = new Log();
    const feed = new RunFeed(log.read, () => undefined);
    for (const [index, each] of said.entries()) if (index !== 2) log.store(each);
    feed.catchUp();
    const last = (await collect(feed)).at(-1);
    assert.ok(last?.type === 'failed' && last.code === 'answer_incomplete');
  });

  it('stops reading when its signal aborts', async () => {
    const feed = new RunFeed(new Log().read, () => undefined);
    const controller = new AbortController();
    const reading = (async () => {
      for await (const event of feed.events(controller.signal)) assert.fail(event.type);
    })();
    controller.abort();
    await reading;
  });
});
