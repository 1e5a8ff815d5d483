/** Every end reaches one gateway's recorder, whatever becomes of gateways and of NATS. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { encodeEvents, EVENTS_STREAM, newRunId, runEnd } from '@switchboard/contract';
import { until } from '@switchboard/testkit';
import { purgeRun } from '../src/state/purge-run.ts';
import { silent, Harness } from './harness.ts';

const END = encodeEvents({ a: 0, n: 1, e: [{ type: 'cancelled', reason: 'requested' }] });

/** Which runs were handed out, and how often. */
class Book {
  readonly #counts = new Map<string, number>();
  note(run: string): number {
    const count = this.times(run) + 1;
    this.#counts.set(run, count);
    return count;
  }
  times(run: string): number {
    return this.#counts.get(run) ?? 0;
  }
  has(runs: readonly string[], times = 1): boolean {
    return runs.every((run) => this.times(run) >= times);
  }
}

describe('the recorder of ends', () => {
  let harness: Harness;
  before(async () => {
    harness = await Harness.start();
  });
  after(() => harness.stop());
  beforeEach(async () => {
    await harness.manager.streams.delete(EVENTS_STREAM).catch(() => undefined);
    await harness.ensureEvents();
  });
  const endRuns = async (count: number): Promise<string[]> => {
    const runs = Array.from({ length: count }, () => newRunId('gateway'));
    const stored = runs.map((run) =>
      harness.observer.request(runEnd(run), END, { timeout: 5_000 }),
    );
    await Promise.all(stored);
    return runs;
  };
  it('is called once for each end, by one of all gateways, also for ends before its time', async (test) => {
    const book = new Book();
    const runs = await endRuns(50);
    const shares = [0, 0];
    const recorders = await Promise.all(
      shares.map((_, index) =>
        harness.recorder(async (run) => {
          book.note(run);
          shares[index] = (shares[index] ?? 0) + 1;
        }),
      ),
    );
    test.after(() => Promise.all(recorders.map((recorder) => recorder.close())));
    runs.push(...(await endRuns(200)));
    await until(() => book.has(runs), { what: 'every end' });
    await until(async () => (await harness.unfinished()) === 0, { what: 'every acknowledgement' });
    assert.equal(
      shares.reduce((sum, share) => sum + share),
      250,
      'none twice',
    );
    assert.ok(
      shares.every((share) => share > 0),
      `shared: ${shares.join(' and ')}`,
    );
  });

  it('waits without a word of warning for the stream that a gateway makes', async (test) => {
    await harness.manager.streams.delete(EVENTS_STREAM);
    const waits: object[] = [];
    const warnings: object[] = [];
    const log = {
      ...silent,
      debug: (fields: object) => void waits.push(fields),
      warn: (fields: object) => void warnings.push(fields),
    };
    const book = new Book();
    const onEnd = async (run: string): Promise<void> => void book.note(run);
    const recorder = await harness.recorder(onEnd, undefined, log);
    test.after(() => recorder.close());
    await until(() => waits.length === 1, { what: 'a try without the stream' });
    await harness.ensureEvents();
    const runs = await endRuns(3);
    await until(() => book.has(runs), { what: 'every end' });
    assert.deepEqual(warnings, []);
  });

  it('hands what a closed gateway did not finish to another one', async (test) => {
    const book = new Book();
    let most = 0;
    let running = 0;
    const begun: string[] = [];
    const first = await harness.recorder(async (run, signal) => {
      begun.push(run);
      running += 1;
      most = Math.max(most, running);
      await new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('closed')));
      });
    });
    const runs = await endRuns(40);
    await until(() => begun.length === 8, { what: 'full slots' });
    const second = await harness.recorder(async (run) => void book.note(run));
    test.after(() => second.close());
    await until(() => book.has(runs.filter((run) => !begun.includes(run))), { what: 'the rest' });
    await first.close();
    await until(() => book.has(runs), { what: 'what the first had begun' });
    await until(async () => (await harness.unfinished()) === 0, { what: 'every acknowledgement' });
    assert.equal(most, 8, 'bounded');
  });

  it('comes back to ends that wait, and lets the others pass meanwhile', async (test) => {
    const book = new Book();
    const due = new Map<string, number>();
    const early: string[] = [];
    const recorder = await harness.recorder(async (run) => {
      const times = book.note(run);
      if (Date.now() < (due.get(run) ?? 0)) early.push(run);
      if (!waiting.includes(run) || times > 1) return undefined;
      due.set(run, Date.now() + 2_000);
      return { again: 2_000 };
    });
    test.after(() => recorder.close());
    const waiting = Array.from({ length: 100 }, () => newRunId('gateway'));
    for (const run of waiting) harness.observer.publish(runEnd(run), END);
    await until(() => book.has(waiting), { what: 'the first call for each' });
    const others = await endRuns(50);
    await until(() => book.has(others), { what: 'the others' });
    assert.ok(!book.has(waiting, 2), 'those wait still');
    await until(() => book.has(waiting, 2), { what: 'the second call' });
    await until(async () => (await harness.unfinished()) === 0, { what: 'every acknowledgement' });
    assert.deepEqual(early, []);
  });

  it('comes back in time also while ends go back to wait all the time', async (test) => {
    const book = new Book();
    const recorder = await harness.recorder(async (run) =>
      book.note(run) > 1 ? undefined : { again: 1_000 },
    );
    test.after(() => recorder.close());
    const [first = ''] = await endRuns(1);
    let publishing = true;
    const stream = (async () => {
      while (publishing) {
        harness.observer.publish(runEnd(newRunId('gateway')), END);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    await until(() => book.times(first) === 2, { what: 'the second call' });
    publishing = false;
    await stream;
  });

  it('tries a handler again that failed', async (test) => {
    const book = new Book();
    const recorder = await harness.recorder(async (run) => {
      if (book.note(run) === 1) throw new Error('no room');
    });
    test.after(() => recorder.close());
    const runs = await endRuns(20);
    await until(() => book.has(runs, 2), { what: 'the second try' });
    await until(async () => (await harness.unfinished()) === 0, { what: 'every acknowledgement' });
  });

  it('is not called for what a purge leaves behind', async (test) => {
    const book = new Book();
    const link = await harness.link();
    const recorder = await harness.recorder(async (run) => {
      book.note(run);
      await purgeRun(link, run);
    });
    test.after(() => recorder.close());
    const runs = await endRuns(20);
    await until(() => book.has(runs), { what: 'every end' });
    await until(async () => (await harness.unfinished()) === 0, { what: 'every acknowledgement' });
    const { state } = await harness.manager.streams.info(EVENTS_STREAM);
    assert.equal(state.messages, 20, 'one gravestone each');
    assert.ok(runs.every((run) => book.times(run) === 1));
  });

  it('asks eight times in half a minute when nothing ends', async (test) => {
    let pulls = 0;
    const subscription = harness.observer.subscribe('$JS.API.CONSUMER.MSG.NEXT.>', {
      callback: () => {
        pulls += 1;
      },
    });
    test.after(() => subscription.unsubscribe());
    const recorder = await harness.recorder(async () => undefined);
    test.after(() => recorder.close());
    await until(() => pulls === 8, { what: 'a pull for each slot' });
    // Anything that polls does so within a second.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.equal(pulls, 8);
  });

  it('goes on when its stream has vanished and is made again', async (test) => {
    const book = new Book();
    const recorder = await harness.recorder(async (run) => void book.note(run));
    test.after(() => recorder.close());
    const earlier = await endRuns(5);
    await until(() => book.has(earlier), { what: 'the first ends' });
    await harness.manager.streams.delete(EVENTS_STREAM);
    await harness.ensureEvents();
    const later = await endRuns(5);
    await until(() => book.has(later), { what: 'the later ends' });
  });

  it('loses no end when nats-server is killed and comes back', async (test) => {
    const own = await Harness.start();
    test.after(() => own.stop());
    await own.ensureEvents();
    const book = new Book();
    const gate = Promise.withResolvers<void>();
    for (let index = 0; index < 2; index++) {
      await own.recorder(async (run) => {
        book.note(run);
        await gate.promise;
      });
    }
    const runs = Array.from({ length: 60 }, () => newRunId('gateway'));
    for (const run of runs) await own.observer.request(runEnd(run), END, { timeout: 5_000 });
    await until(() => runs.filter((run) => book.times(run) > 0).length === 16, { what: 'slots' });
    own.nats.kill('SIGKILL');
    await own.nats.restart();
    gate.resolve();
    await until(() => book.has(runs), { what: 'every end', timeoutMs: 40_000 });
  });
});
