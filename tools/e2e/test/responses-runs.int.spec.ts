/** Responses of two gateways, streamed and in the background, with the official Node SDK. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';

import type OpenAI from 'openai';
import { leakGuard } from '@switchboard/testkit';

import {
  StayingReader,
  allOf,
  assertNumbered,
  idOf,
  orderOf,
  someOf,
  textOf,
} from '../response-events.ts';
import type { StreamEvent } from '../response-events.ts';
import { SLOW, TwoGateways } from '../two-gateways.ts';

let gateways: TwoGateways;
let first: OpenAI;
let second: OpenAI;

before(async () => {
  gateways = await TwoGateways.start();
  ({ first, second } = gateways);
});
after(async () => await gateways.stop());
afterEach(() => gateways.assertStandard());

describe('a response streamed to the SDK', () => {
  it('is put together by its helper, which takes every event in its order', async () => {
    const stream = first.responses.stream({ model: 'sim/tokens=20,reasoning=4', input: 'Hello' });
    const events: StreamEvent[] = [];
    stream.on('event', (event) => events.push(event));
    const final = await stream.finalResponse();
    assertNumbered(events);
    const order = [
      'created queued in_progress',
      'output_item.added reasoning_summary_part.added reasoning_summary_text.delta',
      'reasoning_summary_text.done reasoning_summary_part.done output_item.done',
      'output_item.added content_part.added output_text.delta',
      'output_text.done content_part.done output_item.done',
      'completed',
    ];
    assert.equal(orderOf(events), order.join(' '));
    assert.equal(final.status, 'completed');
    assert.deepEqual(
      final.output.map(({ type }) => type),
      ['reasoning', 'message'],
    );
    assert.equal(final.output_text, textOf(events));
    assert.match(final.output_text, /^Lorem ipsum/);
    const stored = await second.responses.retrieve(final.id);
    assert.deepEqual([stored.status, stored.output_text], ['completed', final.output_text]);
    const [last] = events.slice(-1);
    assert.ok(last?.type === 'response.completed');
    assert.deepEqual(stored.output, last.response.output);
    assert.ok((stored.completed_at ?? 0) >= stored.created_at);
    assert.equal(stored.completed_at, last.response.completed_at);
  });

  it('goes on at the other gateway after any event, to the same end', async () => {
    const stream = await first.responses.create({
      model: SLOW,
      input: 'Hello',
      stream: true,
      background: true,
    });
    const start = await someOf(stream);
    const id = idOf(start);
    const rest = await allOf(
      await second.responses.retrieve(id, { stream: true, starting_after: start.length - 1 }),
    );
    const whole = [...start, ...rest];
    assertNumbered(whole);
    assert.equal(textOf(whole), gateways.slowText);
    // Also when it has ended, live or from what is stored.
    assert.deepEqual(await allOf(await first.responses.retrieve(id, { stream: true })), whole);
    for (const last of [0, 7, whole.length - 2]) {
      const again = await second.responses.retrieve(id, { stream: true, starting_after: last });
      assert.deepEqual(await allOf(again), whole.slice(last + 1));
    }
  });

  it('in the foreground goes on at the other gateway too, if it was to be resumed', async () => {
    const stream = await first.responses.create(
      { model: SLOW, input: 'Hello', stream: true },
      { headers: { 'x-switchboard-on-disconnect': 'resume', 'x-request-id': 'foreground' } },
    );
    const start = await someOf(stream);
    const rest = await second.responses.retrieve(idOf(start), {
      stream: true,
      starting_after: start.length - 1,
    });
    const whole = [...start, ...(await allOf(rest))];
    assertNumbered(whole);
    assert.equal(textOf(whole), gateways.slowText);
    assert.equal(whole.at(-1)?.type, 'response.completed');
    assert.equal((await gateways.stack.simulator.runsOf('foreground')).length, 1);
  });

  it('is cancelled when its reader leaves and has not said otherwise', async () => {
    const stream = await first.responses.create(
      { model: 'sim/tokens=2000,pace=50ms', input: 'Hello', stream: true },
      { headers: { 'x-request-id': 'left' } },
    );
    const id = idOf(await someOf(stream));
    assert.equal((await gateways.ended(second, id)).status, 'cancelled');
    await gateways.stack.idle();
    assert.equal((await gateways.stack.simulator.runsOf('left'))[0]?.outcome, 'aborted');
  });

  it('goes on while anybody reads it, at whichever gateway, and ends with the last', async () => {
    const stream = await first.responses.create(
      { model: 'sim/tokens=2000,pace=50ms', input: 'Hello', stream: true },
      { headers: { 'x-request-id': 'shared' } },
    );
    const creator = new StayingReader(stream);
    await creator.read(5);
    const { id } = creator;
    const near = new StayingReader(await first.responses.retrieve(id, { stream: true }));
    const far = new StayingReader(await second.responses.retrieve(id, { stream: true }));
    for (const reader of [near, far]) await reader.read(5);
    await creator.leave();
    await near.read(creator.words + 20);
    await near.leave();
    await far.read(near.words + 20);
    assert.equal((await gateways.stack.simulator.runsOf('shared'))[0]?.outcome, 'running');
    await far.leave();
    assert.equal((await gateways.ended(second, id)).status, 'cancelled');
    await gateways.stack.idle();
    assert.equal((await gateways.stack.simulator.runsOf('shared'))[0]?.outcome, 'aborted');
  });

  it('is the same for several readers at both gateways', async () => {
    const { id } = await first.responses.create({ model: SLOW, input: 'Hello', background: true });
    const readers = [first, second, first, second].map(
      async (client) => await allOf(await client.responses.retrieve(id, { stream: true })),
    );
    const [one, ...others] = await Promise.all(readers);
    assert.ok(one !== undefined);
    assertNumbered(one);
    assert.equal(textOf(one), gateways.slowText);
    for (const other of others) assert.deepEqual(other, one);
  });
});

describe('a response in the background', () => {
  it('answers at once, and is polled at either gateway until it has ended', async () => {
    const { id, status, background } = await first.responses.create({
      model: 'sim/think=300ms,tokens=20',
      input: 'Hello',
      background: true,
      metadata: { ticket: '7' },
    });
    assert.match(status ?? 'none', /^(queued|in_progress)$/);
    assert.equal(background, true);
    const response = await gateways.ended(second, id);
    assert.deepEqual([response.status, response.metadata], ['completed', { ticket: '7' }]);
    assert.match(response.output_text, /^Lorem ipsum/);
  });

  it('is cancelled from the other gateway, and a second time nothing changes', async () => {
    const { id } = await first.responses.create(
      { model: 'sim/think=60s', input: 'Hello', background: true },
      { headers: { 'x-request-id': 'cancelled' } },
    );
    await gateways.stack.modelHas('cancelled');
    const cancelled = await second.responses.cancel(id);
    assert.equal(cancelled.status, 'cancelled');
    assert.deepEqual(await first.responses.cancel(id), cancelled);
    await gateways.stack.idle();
    assert.equal((await gateways.stack.simulator.runsOf('cancelled'))[0]?.outcome, 'aborted');
  });

  it('that has ended is given unchanged to whoever cancels it', async () => {
    const done = await first.responses.create({ model: 'sim/tokens=3', input: 'Hello' });
    assert.equal(done.status, 'completed');
    const cancelled = await second.responses.cancel(done.id);
    // The SDK adds this to some answers only.
    const { output_text: _, ...unchanged } = await first.responses.retrieve(done.id);
    assert.deepEqual(cancelled, unchanged);
    assert.equal(cancelled.status, 'completed');
  });
});

leakGuard();
