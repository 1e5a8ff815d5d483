/**
 * Workers that are stopped (SIGSTOP) in the middle of a run, and go on when another one has taken
 * over. What the model has said to them meanwhile waits in their sockets.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import type { Gateway, Worker } from '@switchboard/stack';
import { leakGuard, until } from '@switchboard/testkit';

import { ask, chatBody } from '../chat.ts';
import { sseEvents } from '../sse.ts';
import { TestStack } from '../test-stack.ts';

/** Longer than a takeover may take on a busy machine. */
const TAKEOVER_MS = 45_000;
/** Shorter than a takeover, so that the stopped worker finds all of it, with its end. */
const SHORT = { tokens: 200, script: 'pace=50ms,tokens=200' };
/** Longer than that: the stopped worker finds a part of it, and the model goes on. */
const LONG = { tokens: 300, script: 'pace=100ms,tokens=300' };

const POOLS = ['failing', 'restarting', 'silent'] as const;
type Pool = (typeof POOLS)[number];

let stack: TestStack;
let other: Gateway;
let shortText = '';
let longText = '';

before(async () => {
  stack = await TestStack.start({
    workers: 0,
    gateways: 2,
    agents: POOLS.map((pool) => {
      const policy = pool === 'restarting' ? 'restart' : 'fail';
      return { name: `${pool}/*`, model: '*', pool, on_worker_lost: policy };
    }),
  });
  const [, second] = stack.stack.gateways;
  assert.ok(second !== undefined);
  other = second;
  const worker = await workerOf('silent');
  shortText = (await ask(stack.url, chatBody(`silent/tokens=${SHORT.tokens}`))).text;
  longText = (await ask(stack.url, chatBody(`silent/tokens=${LONG.tokens}`))).text;
  await worker.process.stop();
});
after(async () => await stack.stop());

async function workerOf(pool: Pool): Promise<Worker> {
  return await stack.stack.addWorker({ WORKER_POOL: pool, POOL_SIZE: '1' });
}

interface Event {
  readonly type: string;
  readonly sequence_number: number;
  readonly delta?: string;
  readonly response?: { readonly id: string; readonly error: { readonly code: string } | null };
}

/** What one reader was given. */
class Story {
  readonly events: Event[] = [];
  readonly whole: Promise<readonly Event[]>;

  constructor(response: Response) {
    this.whole = this.#read(response);
  }

  get text(): string {
    return this.events.map(({ delta = '' }) => delta).join('');
  }

  async #read(response: Response): Promise<readonly Event[]> {
    assert.equal(response.status, 200);
    for await (const { data } of sseEvents(response)) {
      if (data !== '[DONE]') this.events.push(JSON.parse(data) as Event);
    }
    return this.events;
  }
}

async function follow({ url }: { readonly url: string }, id: string): Promise<Story> {
  return new Story(await fetch(`${url}/v1/responses/${id}?stream=true`));
}

interface Stopped {
  readonly id: string;
  readonly worker: Worker;
  readonly replacement: Worker;
  /** Readers at both gateways who were there from before the stop. */
  readonly live: readonly [Story, Story];
}

/** A run whose worker has stopped, `shown` if readers have got something; another is there. */
async function stopIn(pool: Pool, requestId: string, script: string, shown: boolean) {
  const worker = await workerOf(pool);
  const headers = { 'content-type': 'application/json', 'x-request-id': requestId };
  const body = JSON.stringify({ model: `${pool}/${script}`, input: 'Hello', stream: true });
  const made = new Story(
    await fetch(`${stack.url}/v1/responses`, { method: 'POST', headers, body }),
  );
  const id = await until(() => made.events[0]?.response?.id, { what: 'the id' });
  const live = [made, await follow(other, id)] as const;
  await stack.modelHas(requestId);
  if (shown) await until(() => live.every(({ text }) => text !== ''), { what: 'the first words' });
  worker.process.kill('SIGSTOP');
  return { id, worker, replacement: await workerOf(pool), live } satisfies Stopped;
}

/** Waits until the model has been called twice for a request. */
async function takenOver(requestId: string): Promise<void> {
  const twice = async () => (await stack.simulator.runsOf(requestId)).length === 2;
  await until(twice, { what: 'the second call', timeoutMs: TAKEOVER_MS });
}

/** All readers, those of the whole time and one of now, have got the same, with one end. */
async function assertOneStory({ id, live }: Stopped): Promise<readonly Event[]> {
  const [first, second] = await Promise.all(live.map(async (story) => await story.whole));
  assert.deepEqual(first, second);
  assert.deepEqual(await (await follow(other, id)).whole, first);
  assert.ok(first !== undefined);
  const numbers = first.map(({ sequence_number: number }) => number);
  assert.deepEqual(numbers, [...numbers.keys()]);
  const ends = first.filter(({ type }) => /\.(completed|failed|incomplete)$/.test(type));
  assert.deepEqual(ends, [first.at(-1)]);
  return first;
}

/** The worker that went on has a free slot, and nothing of the run is queued. */
async function assertFree(pool: Pool, { replacement, worker }: Stopped): Promise<void> {
  await stack.queueEmpty(pool);
  await replacement.process.stop();
  assert.equal((await ask(stack.url, chatBody(`${pool}/tokens=1`))).complete, true);
  assert.equal(worker.process.running, true);
}

describe('a worker that is stopped and goes on', { concurrency: true }, () => {
  it('in the middle of an answer adds nothing to the failure that others have told', async () => {
    const id = 'failing';
    const run = await stopIn('failing', id, LONG.script, true);
    await run.live[0].whole;
    run.worker.process.kill('SIGCONT');
    await assertFree('failing', run);
    const events = await assertOneStory(run);
    assert.equal(events.at(-1)?.response?.error?.code, 'worker_lost');
    const { text } = run.live[0];
    assert.ok(text.length < longText.length && longText.startsWith(text), text);
    assert.equal((await stack.simulator.runsOf(id)).length, 1);
  });

  it('in the middle of an answer that was begun again is heard no more', async () => {
    const id = 'restarting';
    const run = await stopIn('restarting', id, LONG.script, true);
    await takenOver(id);
    const shown = run.live[0].text;
    run.worker.process.kill('SIGCONT');
    const events = await assertOneStory(run);
    assert.equal(events.at(-1)?.type, 'response.completed');
    const { text } = run.live[0];
    const brokenOff = text.slice(0, -longText.length);
    assert.equal(text, brokenOff + longText);
    assert.ok(shown.startsWith(brokenOff) && longText.startsWith(brokenOff), brokenOff);
    assert.equal((await stack.simulator.runsOf(id)).length, 2);
    await assertFree('restarting', run);
  });

  it('before the first token shows nothing of what it was told meanwhile', async () => {
    const id = 'silent';
    const run = await stopIn('silent', id, `think=3s,${SHORT.script}`, false);
    await takenOver(id);
    run.worker.process.kill('SIGCONT');
    const events = await assertOneStory(run);
    assert.equal(events.at(-1)?.type, 'response.completed');
    assert.equal(run.live[0].text, shortText);
    assert.equal((await stack.simulator.runsOf(id)).length, 2);
    await assertFree('silent', run);
  });
});

leakGuard();
