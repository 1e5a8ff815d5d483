import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LEASE_MS } from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { EventWindow } from './event-window.ts';

/** A connection that keeps what is sent, and answers when it is told to. */
class FakeLink {
  connected = true;
  epoch = 1;
  readonly sent: string[] = [];
  readonly #unanswered: { answer: (text: string) => void; fail: (error: Error) => void }[] = [];
  readonly connection = {
    publish: (_subject: string, data: string): void => {
      this.sent.push(data);
    },
    request: (_subject: string, data: string): Promise<{ string: () => string }> => {
      this.sent.push(data);
      return new Promise((resolve, reject) => {
        const answer = (text: string): void => resolve({ string: () => text });
        this.#unanswered.push({ answer, fail: reject });
      });
    },
  };

  get asked(): number {
    return this.#unanswered.length;
  }

  async answer(text = '{"stream":"EVENTS","seq":1}'): Promise<void> {
    this.#unanswered.shift()?.answer(text);
    await nextTurn();
  }

  async fail(): Promise<void> {
    this.#unanswered.shift()?.fail(new Error('closed'));
    await nextTurn();
  }
}

function make(): { link: FakeLink; window: EventWindow; stop: (ms: number) => void } {
  const link = new FakeLink();
  let nowMs = 0;
  const window = new EventWindow(link as unknown as NatsLink, {
    subject: () => 'log',
    now: () => nowMs,
  });
  return { link, window, stop: (ms) => (nowMs += ms) };
}

const beat = (): string => 'beat';

describe('the window of unstored events', () => {
  it('asks one at a time: what is said meanwhile is not covered by an earlier answer', async () => {
    const { link, window } = make();
    window.add('a');
    const answers = [window.confirm(beat), window.confirm(beat), window.confirm(beat)];
    assert.deepEqual(link.sent, ['a', 'beat']);
    await link.answer();
    assert.equal(link.asked, 1, 'one of those that waited');
    window.add('b');
    window.send();
    await link.answer();
    assert.ok(!window.isEmpty, 'b was said after the question');
    await link.answer();
    assert.ok(window.isEmpty);
    assert.deepEqual(await Promise.all(answers), [true, true, true]);
    assert.deepEqual(link.sent, ['a', 'beat', 'beat', 'b', 'beat']);
  });

  it('says all again that an answer which failed should have covered, and only once', async () => {
    const { link, window } = make();
    for (const data of ['a', 'b']) window.add(data);
    const first = window.confirm(beat);
    await link.fail();
    assert.equal(await first, false);
    window.add('c');
    window.send();
    const second = window.confirm(beat);
    await link.answer();
    assert.equal(await second, true);
    assert.ok(window.isEmpty);
    assert.deepEqual(link.sent, ['a', 'b', 'beat', 'a', 'b', 'c', 'beat']);
  });

  it('says on a new connection what only the old one carried', async () => {
    const { link, window } = make();
    window.add('a');
    window.send();
    link.epoch = 2;
    const asking = window.confirm(beat);
    await link.answer();
    assert.equal(await asking, true);
    assert.deepEqual(link.sent, ['a', 'a', 'beat']);
  });

  it('does not trust the answer of an old connection for what a new one carries again', async () => {
    const { link, window } = make();
    window.add('a');
    const asking = window.confirm(beat);
    link.epoch = 2;
    window.add('b');
    window.send();
    await link.answer();
    assert.equal(await asking, false);
    assert.ok(!window.isEmpty);
  });

  it('looks at its claim before every sending, also after it has waited', async () => {
    const { link, window, stop } = make();
    window.add('a');
    const answers = [window.confirm(beat), window.confirm(beat)];
    stop(LEASE_MS + 1);
    await link.answer();
    assert.deepEqual(await Promise.all(answers), [true, false]);
    window.add('b');
    window.send();
    assert.equal(await window.confirm(beat), false);
    assert.deepEqual(link.sent, ['a', 'beat']);
  });

  it('is not renewed by the answer to what was said long before', async () => {
    const { link, window, stop } = make();
    stop(LEASE_MS - 1);
    const asking = window.confirm(beat);
    stop(LEASE_MS);
    await link.answer();
    assert.equal(await asking, true);
    assert.ok(!window.isLost, 'as old as the question');
    stop(2);
    assert.ok(window.isLost);
  });

  it('takes a lost claim up again with its first words, unless they are refused', async () => {
    const { link, window, stop } = make();
    for (const data of ['a', 'b']) window.add(data);
    stop(LEASE_MS + 1);
    const refused = window.takeUp(7, 'all');
    await link.answer('{"error":{"code":400,"err_code":10071}}');
    assert.equal(await refused, false);
    assert.ok(window.isLost);
    const taken = window.takeUp(9, 'all');
    await link.answer();
    assert.equal(await taken, true);
    assert.ok(!window.isLost);
    const asking = window.confirm(beat);
    await link.answer();
    assert.equal(await asking, true);
    assert.deepEqual(link.sent, ['a', 'a', 'b', 'beat']);
  });
});
