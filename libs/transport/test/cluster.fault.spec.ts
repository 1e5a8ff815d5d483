/**
 * Three nats-servers with a replica of every stream on each. The connections of workers and
 * gateways live on while the leader of a stream changes, so nobody tells them that it did.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { EVENTS_STREAM, type RunEvent } from '@switchboard/contract';
import { until } from '@switchboard/testkit';
import { collect, Harness, submit, types } from './harness.ts';

const PATIENCE_MS = 60_000;
const SERVERS = 3;

async function startOwn(test: TestContext): Promise<Harness> {
  const harness = await Harness.start({ servers: SERVERS });
  test.after(() => harness.stop());
  return harness;
}

/** Words at a pace at which none waits for an acknowledgement, until `over`. */
async function* words(over: () => boolean, said: string[]): AsyncGenerator<RunEvent> {
  while (!over()) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    const text = `${said.length} `;
    said.push(text);
    yield { type: 'text.delta', text };
  }
  yield { type: 'completed', finishReason: 'stop' };
}

function assertWhole(events: readonly RunEvent[], said: readonly string[]): void {
  const text = events.flatMap((event) => (event.type === 'text.delta' ? [event.text] : []));
  assert.equal(text.join(''), said.join(''));
  assert.equal(types(events).filter((type) => type === 'started').length, 1);
  assert.equal(events.at(-1)?.type, 'completed');
}

describe('three nats-servers', { concurrency: true }, () => {
  it('no event is lost when another server takes the lead of the log, again and again', async (test) => {
    const own = await startOwn(test);
    const { cluster } = own;
    const gateways = [await own.gateway(), await own.gateway()] as const;
    let over = false;
    const said: string[] = [];
    await own.worker(() => words(() => over, said));
    const handle = await submit(gateways[0], 'u');
    const reading = collect(handle.events());
    const far = collect((await gateways[1].client.follow(handle.run)).events());
    const led = async () => await cluster.leaderOf(EVENTS_STREAM);
    for (let changes = 0; changes < 20; changes += 1) {
      const leader = await until(led, { what: 'a leader', timeoutMs: PATIENCE_MS });
      const before = said.length;
      await until(() => said.length > before + 20, { what: 'some words', timeoutMs: PATIENCE_MS });
      await cluster.ask(`STREAM.LEADER.STEPDOWN.${EVENTS_STREAM}`);
      const changed = async () => ![leader, undefined].includes(await led());
      await until(changed, { what: 'another leader', timeoutMs: PATIENCE_MS });
    }
    over = true;
    const events = await reading;
    assertWhole(events, said);
    assert.deepEqual(await far, events);
    assert.deepEqual(await gateways[1].client.readLogged(handle.run), events);
  });

  it('a run goes on when the server that leads the log is killed, and is taken off the queue', async (test) => {
    const own = await startOwn(test);
    const { cluster } = own;
    const gateway = await own.gateway();
    let over = false;
    const said: string[] = [];
    await own.worker(() => words(() => over, said));
    const handle = await submit(gateway, 'u');
    const reading = collect(handle.events());
    await until(() => said.length > 50, { what: 'some words', timeoutMs: PATIENCE_MS });
    const led = async () => await cluster.leaderOf(EVENTS_STREAM);
    const lost = await until(led, { what: 'a leader', timeoutMs: PATIENCE_MS });
    lost.kill('SIGKILL');
    await lost.exited;
    const changed = async () => ![lost, undefined].includes(await led());
    await until(changed, { what: 'another leader', timeoutMs: PATIENCE_MS });
    over = true;
    assertWhole(await reading, said);
    await lost.restart();
    const empty = async () => (await own.count('REQUESTS_default')) === 0;
    await until(empty, { what: 'empty queue', timeoutMs: PATIENCE_MS });
  });
});
