/** Runs that are begun again, and requests whose input lies elsewhere. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RunEvent } from '@switchboard/contract';
import { until } from '@switchboard/testkit';
import { answerAtOnce, collect, Harness, submit, types } from './harness.ts';

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve());
  });

const textOf = (events: readonly RunEvent[]): string =>
  events.map((event) => (event.type === 'text.delta' ? event.text : '')).join('');

describe('a run', () => {
  let harness: Harness;
  before(async () => {
    harness = await Harness.start();
  });
  after(() => harness.stop());

  it('of an agent that restarts is begun again, visibly, when its worker stops in the middle', async () => {
    const [gateway, other] = [await harness.gateway(), await harness.gateway()];
    const restarting = { onWorkerLost: () => 'restart' as const };
    const first = await harness.worker(
      async function* (_request, { signal }) {
        for (let index = 0; index < 50; index++) yield { type: 'text.delta', text: 'half ' };
        await aborted(signal);
        yield { type: 'text.delta', text: 'never read' };
      },
      1,
      'first',
      restarting,
    );
    const handle = await submit(gateway, 'u');
    const live = collect((await other.client.follow(handle.run)).events());
    const reading = collect(handle.events());
    const written = async () => (await other.client.readLogged(handle.run)).length === 51;
    await until(written, { what: 'half of it' });
    const second = await harness.worker(answerAtOnce, 1, 'second', restarting);
    first.server.abort();
    const events = await reading;
    assert.equal(types(events).filter((type) => type === 'started').length, 2);
    assert.equal(types(events)[51], 'started');
    assert.equal(textOf(events), `${'half '.repeat(50)}hello`);
    assert.deepEqual(await live, events);
    assert.deepEqual(await gateway.client.readLogged(handle.run), events);
    const late = await other.client.follow(handle.run);
    assert.deepEqual(await collect(late.events()), events);
    for (const { server } of [first, second]) await server.close();
    for (const { client } of [gateway, other]) await client.close();
  });

  it('is given the chat that was stored as its input, also when the store was away for a moment', async () => {
    const gateway = await harness.gateway();
    const content = 'x'.repeat(2_000_000);
    const stored = new TextEncoder().encode(
      JSON.stringify({ messages: [{ role: 'user', content }], temperature: 0.5 }),
    );
    let tries = 0;
    const { server } = await harness.worker(
      async function* ({ chat }) {
        const text = String(chat.messages[0]?.['content']).length;
        yield { type: 'text.delta', text: `${text} ${String(chat['temperature'])}` };
        yield { type: 'completed', finishReason: 'stop' };
      },
      1,
      'w',
      {
        loadInput: (key) => {
          tries += 1;
          if (tries === 1) return Promise.reject(new Error('away'));
          return Promise.resolve(key === 'kept' ? stored : undefined);
        },
      },
    );
    const chat = { messages: [] };
    const kept = await submit(gateway, 'u', { chat, input: 'kept' });
    assert.equal(textOf(await collect(kept.events())), '2000000 0.5');
    const gone = await submit(gateway, 'u', { chat, input: 'gone' });
    const end = (await collect(gone.events())).at(-1);
    assert.ok(end?.type === 'failed' && end.code === 'request_lost');
    await server.close();
    await gateway.client.close();
  });
});
