import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import {
  type AgentCard,
  AgentProfile,
  cardOf,
  FLEET_ASK,
  type WorkerWord,
} from '@switchboard/contract';
import type { LinkListener, NatsLink } from '../link/nats-link.ts';
import { FleetAnnouncer } from './announcer.ts';

/** A connection that keeps what is published, and asks when it is told to. */
class FakeLink {
  readonly words: WorkerWord[] = [];
  connected = true;
  #onAsk: (() => void) | undefined;
  #listener: LinkListener | undefined;

  readonly connection = {
    publish: (_subject: string, data: string) => void this.words.push(JSON.parse(data)),
    subscribe: (subject: string, { callback }: { callback: () => void }) => {
      assert.equal(subject, FLEET_ASK);
      this.#onAsk = callback;
      return { isClosed: () => false, unsubscribe: () => (this.#onAsk = undefined) };
    },
  };

  listen(listener: LinkListener): () => void {
    this.#listener = listener;
    this.up();
    return () => (this.#listener = undefined);
  }

  up(): void {
    this.connected = true;
    this.#listener?.up?.(this.connection as never);
  }

  ask(): void {
    this.#onAsk?.();
  }
}

describe('a worker that speaks of itself', () => {
  let link: FakeLink;
  let busy: number;
  let draining: boolean;
  let agents: readonly AgentCard[];
  let announcer: FleetAnnouncer;

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1_000 });
    link = new FakeLink();
    busy = 0;
    draining = false;
    agents = [];
    announcer = new FleetAnnouncer(link as unknown as NatsLink, {
      pool: 'default',
      worker: 'w',
      slots: 5,
      busy: () => busy,
      draining: () => draining,
      agents: () => agents,
      now: () => Date.now(),
    });
  });

  afterEach(() => {
    announcer.close();
    mock.timers.reset();
  });

  const change = (to: number): void => {
    busy = to;
    announcer.changed();
  };
  const said = (): number[] => link.words.map((word) => word.busy);

  it('says nothing before it starts, then who it is', () => {
    change(1);
    mock.timers.tick(1_000);
    assert.equal(link.words.length, 0);
    announcer.start();
    assert.deepEqual(link.words, [
      {
        v: 1,
        worker: 'w',
        pool: 'default',
        slots: 5,
        busy: 1,
        draining: false,
        served: 0,
        startedAtMs: 1_000,
      },
    ]);
  });

  it('says that it lives every two seconds', () => {
    announcer.start();
    mock.timers.tick(6_000);
    assert.equal(link.words.length, 4);
  });

  it('says a change soon, and many together, ten times a second at most', () => {
    announcer.start();
    mock.timers.tick(1_000);
    change(1);
    change(2);
    mock.timers.tick(1);
    assert.deepEqual(said(), [0, 2]);
    for (let ms = 0; ms < 1_000; ms++) {
      change(ms % 5);
      mock.timers.tick(1);
    }
    // The beat comes at its own time.
    assert.ok(link.words.length <= 2 + 10 + 1, `${link.words.length} words`);
    change(3);
    mock.timers.tick(100);
    assert.equal(said().at(-1), 3, 'the last change is always said');
  });

  it('answers once when many ask, soon, also when it has just spoken', () => {
    announcer.start();
    for (let asked = 0; asked < 50; asked++) link.ask();
    mock.timers.tick(20);
    assert.equal(link.words.length, 2);
    link.ask();
    mock.timers.tick(20);
    assert.equal(link.words.length, 3);
  });

  it('speaks at once after a reconnect, and not into a lost connection', () => {
    announcer.start();
    link.connected = false;
    mock.timers.tick(4_000);
    assert.equal(link.words.length, 1);
    change(4);
    link.up();
    assert.deepEqual(said(), [0, 4]);
  });

  const cards = (...names: readonly string[]): AgentCard[] =>
    names.map((name) => cardOf(AgentProfile.parse({ name, model: 'm' })));
  const told = (): string[] =>
    link.words.map((word) => word.agents?.map(({ name }) => name).join() ?? '');

  it('says what agents it has at once, to whoever asks, and when they are others', () => {
    agents = cards('a', 'b');
    announcer.start();
    mock.timers.tick(2_000);
    assert.deepEqual(told(), ['a,b', '']);
    link.ask();
    mock.timers.tick(20);
    assert.deepEqual(told().slice(2), ['a,b']);
    agents = cards('c');
    mock.timers.tick(2_000);
    assert.deepEqual(told().slice(3), ['c']);
    link.up();
    assert.deepEqual(told().slice(4), ['c'], 'a gateway may have come meanwhile');
  });

  it('says them again now and then, as words are lost, and not with every change', () => {
    agents = cards('a');
    announcer.start();
    for (let ms = 0; ms < 60_000; ms += 100) {
      change((ms / 100) % 5);
      mock.timers.tick(100);
    }
    const times = told().filter((names) => names === 'a').length;
    assert.ok(times >= 6 && times <= 8, `${times} of ${link.words.length} words`);
    assert.ok(link.words.length > 300);
  });

  it('says no more agents than a gateway reads, and none in its last word', () => {
    agents = cards(...Array.from({ length: 200 }, (_, index) => `a${index}`));
    announcer.start();
    assert.equal(link.words[0]?.agents?.length, 128);
    announcer.close();
    assert.equal(link.words.at(-1)?.agents, undefined);
  });

  it('says that it drains, what a run takes, and at last that it is gone, once', () => {
    announcer.start();
    announcer.served(1_234.56);
    draining = true;
    announcer.changed();
    mock.timers.tick(100);
    const { served, serviceMs, draining: drains } = link.words.at(-1) ?? {};
    assert.deepEqual(
      { served, serviceMs, drains },
      { served: 1, serviceMs: 1_234.6, drains: true },
    );
    announcer.close();
    announcer.close();
    change(1);
    link.ask();
    mock.timers.tick(10_000);
    assert.equal(link.words.filter(({ gone }) => gone === true).length, 1);
    assert.equal(link.words.at(-1)?.gone, true);
  });
});
