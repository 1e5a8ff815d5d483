import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EventMessage, RunEvent } from '@switchboard/contract';
import fc from 'fast-check';
import type { LogPosition } from '../events/log-reader.ts';
import type { LoggedMessage } from '../events/log-state.ts';
import { INCOMPLETE, RunSequence } from '../events/run-sequence.ts';
import { FeedBudget } from './feed-budget.ts';
import { BUFFER_CHARS_MAX, BUFFER_EVENTS_MAX } from './feed-buffer.ts';
import { RunFeed } from './run-feed.ts';

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
    this.stored.push({ seq, isEnd: end, message, text: JSON.stringify(message) });
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

const push = (feed: RunFeed, { message, end }: Said): void =>
  feed.push({ message, isEnd: end, chars: JSON.stringify(message).length });

async function collect(feed: RunFeed): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of feed.events()) events.push(event);
  return events;
}

const flat = (said: readonly Said[]): RunEvent[] => said.flatMap(({ message }) => [...message.e]);

/** What every reader must be given of what is stored. */
function folded(log: Log): RunEvent[] {
  const sequence = new RunSequence();
  return log.stored.flatMap(({ message, isEnd }) => [...(sequence.take(message, isEnd) ?? [])]);
}

function feedOf(log: Log, budget?: FeedBudget): RunFeed {
  return new RunFeed({
    readLog: log.read,
    onEnd: () => undefined,
    ...(budget === undefined ? {} : { budget }),
  });
}

/** Everything is stored and heard, in order. */
function say(log: Log, feed: RunFeed, said: readonly Said[]): void {
  for (const each of said) {
    log.store(each);
    push(feed, each);
  }
}

const sizes = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 20 });

/** Two attempts, the first lost after some output, its last words coming late and out of place. */
const takenOver = fc
  .record({ first: sizes, second: sizes, late: fc.nat(5), at: fc.nat(20), byGateway: fc.boolean() })
  .map(({ first, second, late, at, byGateway }) => {
    const lost = attempt(1, first, undefined);
    const next = lost.reduce((sum, { message }) => sum + message.e.length, 1);
    const tardy = Array.from({ length: late }, (_, index): Said => {
      return { message: { a: 1, n: next + index, e: [text(`late ${index}`)] }, end: false };
    });
    const taking = attempt(2, second, byGateway ? undefined : completed);
    const ending: Said[] = byGateway
      ? [{ message: { a: 0, n: 1, e: [cancelled] }, end: true }]
      : [];
    return [...lost, ...taking.toSpliced(1 + at, 0, ...tardy), ...ending];
  });

describe('RunFeed', () => {
  it('F1 and F2: gives every reader what the log says, whatever the live path loses or repeats', async () => {
    const alone = sizes.map((each) => attempt(1, each, completed));
    const fates = fc.array(fc.constantFrom('live', 'lost', 'twice', 'catch up', 'yield'), {
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(alone, takenOver), fates, fc.nat(40), async (said, plan, joins) => {
        const log = new Log();
        let ends = 0;
        let clockMs = 0;
        const now = () => clockMs;
        const feed = new RunFeed({ readLog: log.read, onEnd: () => (ends += 1), now });
        const feeds = [feed];
        const reading = [collect(feed)];
        for (const [index, each] of said.entries()) {
          if (index === joins) {
            const late = new RunFeed({ readLog: log.read, onEnd: () => undefined, now });
            late.catchUp('whole');
            feeds.push(late);
            reading.push(collect(late));
          }
          // Nobody takes a run over that was not silent for longer than this.
          if (each.message.a === 2 && each.message.n === 1) clockMs += 16_000;
          log.store(each);
          const fate = plan[index] ?? 'live';
          for (const one of feeds) {
            if (fate !== 'lost') push(one, each);
            if (fate === 'twice') push(one, each);
            if (fate === 'catch up') one.catchUp();
          }
          if (fate === 'yield') await new Promise((resolve) => setImmediate(resolve));
        }
        // What was lost last is noticed by the look-up of a silent run.
        for (const one of feeds) one.catchUp('whole');
        for (const read of await Promise.all(reading)) assert.deepEqual(read, folded(log));
        assert.equal(ends, 1);
      }),
      { numRuns: 300 },
    );
  });

  it('fills a gap only once the log holds it, also when the live path was faster', async () => {
    const said = attempt(1, [1, 1, 1], completed);
    const log = new Log();
    const feed = feedOf(log);
    const reading = collect(feed);
    const [first, , third] = said;
    assert.ok(first !== undefined && third !== undefined);
    log.store(first);
    push(feed, first);
    push(feed, third); // The second was lost, and the replica that is read is behind.
    await new Promise((resolve) => setImmediate(resolve));
    for (const each of said.slice(1)) log.store(each);
    assert.deepEqual(await reading, flat(said));
  });

  it('waits for a gap in the log that its writer fills, and gives nothing twice', async () => {
    const said = attempt(1, [1, 2, 1], completed);
    const log = new Log();
    // The third message fell into an election; its writer says the tail again.
    const stored = [...said.slice(0, 2), ...said.slice(3, 4), ...said.slice(2)];
    for (const each of stored) log.store(each);
    const feed = feedOf(log);
    feed.catchUp('whole');
    assert.deepEqual(await collect(feed), flat(said));
  });

  it('gives an end that a gateway wrote at its place in the log, and nothing after it', async () => {
    const log = new Log();
    const feed = feedOf(log);
    const reading = collect(feed);
    say(log, feed, [
      { message: { a: 1, n: 1, e: [started] }, end: false },
      { message: { a: 0, n: 1, e: [cancelled] }, end: true },
      { message: { a: 1, n: 2, e: [text('late')] }, end: false },
    ]);
    assert.deepEqual(await reading, [started, cancelled]);
  });

  it('gives all of a lost attempt before the next one, also what was not heard of it', async () => {
    const log = new Log();
    const feed = feedOf(log);
    const reading = collect(feed);
    say(log, feed, attempt(1, [1], undefined));
    log.store({ message: { a: 1, n: 3, e: [text('unheard')] }, end: false });
    say(log, feed, attempt(2, [1], completed));
    assert.deepEqual(await reading, [
      started,
      text('1.2'),
      text('unheard'),
      started,
      text('2.2'),
      completed,
    ]);
  });

  it('F3: holds a bounded number of events for a reader that does not read, and loses none', async () => {
    const said = attempt(
      1,
      Array.from({ length: 3 * BUFFER_EVENTS_MAX }, () => 1),
      completed,
    );
    const log = new Log();
    const feed = feedOf(log);
    say(log, feed, said);
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(feed.buffered <= BUFFER_EVENTS_MAX, `holds ${feed.buffered}`);
    assert.equal(feed.ended, false);
    assert.deepEqual(await collect(feed), flat(said));
  });

  it('F3: holds a bounded number of characters, alone and together with others', async () => {
    const log = new Log();
    const budget = new FeedBudget(BUFFER_CHARS_MAX * 2);
    const feeds = Array.from({ length: 10 }, () => feedOf(log, budget));
    const large = text('x'.repeat(BUFFER_CHARS_MAX / 8));
    const said: Said[] = [{ message: { a: 1, n: 1, e: [started] }, end: false }];
    for (let n = 2; n < 40; n++) said.push({ message: { a: 1, n, e: [large] }, end: false });
    said.push({ message: { a: 1, n: 40, e: [completed] }, end: true });
    for (const each of said) {
      log.store(each);
      for (const feed of feeds) push(feed, each);
    }
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(feeds.every(({ bufferedChars }) => bufferedChars <= BUFFER_CHARS_MAX));
    const together = feeds.reduce((sum, { bufferedChars }) => sum + bufferedChars, 0);
    // Each may hold one message more than what is left for all.
    assert.ok(together <= BUFFER_CHARS_MAX * 2 + 10 * (BUFFER_CHARS_MAX / 4), `${together}`);
    for (const read of await Promise.all(feeds.map((feed) => collect(feed)))) {
      assert.deepEqual(read, flat(said));
    }
    assert.ok(budget.fits(BUFFER_CHARS_MAX * 2), 'all of it was given back');
  });

  it('F3: takes a message that is larger than what it holds', async () => {
    const said = attempt(1, [3 * BUFFER_EVENTS_MAX, 2], completed);
    const log = new Log();
    const feed = feedOf(log);
    say(log, feed, said);
    assert.deepEqual(await collect(feed), flat(said));
  });

  it('F4: says so when the log has a gap before the end, instead of leaving text out', async () => {
    const said = attempt(1, [1, 1, 1], completed);
    const log = new Log();
    const feed = feedOf(log);
    for (const [index, each] of said.entries()) if (index !== 2) log.store(each);
    feed.catchUp();
    const last = (await collect(feed)).at(-1);
    assert.ok(last?.type === 'failed' && last.code === 'answer_incomplete');
  });

  it('F4: says so when the beginning was removed, with all else or without', async () => {
    const whole = attempt(1, [1, 1], completed);
    const gravestone = { message: { a: 1, n: 4, e: [completed], gone: true }, end: true } as Said;
    const cut = { message: { a: 0, n: 1, e: [cancelled], gone: true }, end: true } as Said;
    for (const left of [whole.slice(1), attempt(2, [1], completed), [gravestone], [cut]]) {
      const log = new Log();
      for (const each of left) log.store(each);
      const feed = feedOf(log);
      feed.catchUp('whole');
      assert.deepEqual(await collect(feed), [INCOMPLETE]);
    }
  });

  it('stops reading when its signal aborts', async () => {
    const feed = feedOf(new Log());
    const controller = new AbortController();
    const reading = (async () => {
      for await (const event of feed.events(controller.signal)) assert.fail(event.type);
    })();
    controller.abort();
    await reading;
  });
});
