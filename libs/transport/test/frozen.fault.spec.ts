/**
 * Workers that stand still, or cannot say anything. These take as long as the claims that are lost:
 * up to 16 s.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EVENTS_STREAM, type RunEvent, runEnd, runEvents, runLog } from '@switchboard/contract';
import { childEnvironment, ManagedProcess } from '@switchboard/stack';
import { Cable, until } from '@switchboard/testkit';
import { answerAtOnce, collect, Harness, submit, types } from './harness.ts';

const WORKER = fileURLToPath(new URL('talkative-worker.ts', import.meta.url));

async function startHarness(test: TestContext): Promise<Harness> {
  const harness = await Harness.start();
  test.after(() => harness.stop());
  return harness;
}

describe('workers that stand still', { concurrency: true }, () => {
  it('say nothing more when they go on, although they were stopped in mid-stream', async (test) => {
    const harness = await startHarness(test);
    const gateway = await harness.gateway();
    const frozen = await ManagedProcess.spawn({
      name: 'talkative worker',
      command: process.execPath,
      arguments: [WORKER, harness.nats.url],
      env: childEnvironment(),
    });
    test.after(() => frozen.killGroup());
    const said = (word: string) => (line: string) => line === word || undefined;
    await frozen.firstLine(said('ready'), 20_000);
    const handle = await submit(gateway, 'u');
    const reading = collect(handle.events());
    const { run } = handle;
    const stored = async (): Promise<Record<string, number>> => {
      const filter = { subjects_filter: runEvents(run) };
      return (await harness.manager.streams.info(EVENTS_STREAM, filter)).state.subjects ?? {};
    };
    await until(async () => ((await stored())[runLog(run, 1)] ?? 0) > 50, { what: 'its words' });
    frozen.kill('SIGSTOP');
    await harness.worker(answerAtOnce, 1, 'other', { onWorkerLost: () => 'restart' });
    const events = await reading;
    assert.deepEqual(types(events).slice(-3), ['started', 'text.delta', 'completed']);
    const before = await stored();
    frozen.kill('SIGCONT');
    await frozen.firstLine(said('stopped'), 20_000);
    assert.deepEqual(await stored(), before);
    assert.equal(before[runEnd(run)], 1);
    assert.deepEqual(await gateway.client.readLogged(run), events);
  });

  for (const stopped of ['by their claim', 'by their drain']) {
    it(`let go, ${stopped}, of a run that NATS takes no more words of`, async (test) => {
      const harness = await startHarness(test);
      const cable = await Cable.to(harness.nats.port);
      test.after(() => cable.close());
      const gateway = await harness.gateway();
      let words = 0;
      const talk = async function* (): AsyncGenerator<RunEvent> {
        for (; ; words += 1) {
          yield { type: 'text.delta', text: 'word ' };
          await new Promise(setImmediate);
        }
      };
      const { server } = await harness.worker(talk, 1, 'cut', { servers: cable.url });
      const handle = await submit(gateway, 'u');
      const reading = handle.events()[Symbol.asyncIterator]();
      for (let events = 0; events < 10; events++) await reading.next();
      cable.cut();
      // As long as it may go on it says a word in each turn.
      const isFull = async (): Promise<boolean> => {
        const before = words;
        for (let turns = 0; turns < 100; turns += 1) await new Promise(setImmediate);
        return words === before;
      };
      await until(isFull, { what: 'a worker that waits', intervalMs: 50 });
      if (stopped === 'by their drain') server.abort();
      await until(() => server.busy === 0, { what: 'a free slot', timeoutMs: 20_000 });
      await handle.cancel('client_gone');
    });
  }
});
