/**
 * The promise of `run-gate.ts`, in a model: runs that kill their workers, beside others that do
 * not, over a queue, with workers that are replaced, drain, and abandon handlers, and with callers
 * who are lost. Who opens a run and who is let in is the real code; the log, the queue and the
 * handlers are the model's.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_ATTEMPTS, SUSPECT_FROM, TAKEOVER_MS } from '@switchboard/contract';
import { type SeededRandom, seededRandom, testSeed } from '@switchboard/testkit';
import type { Opened } from './run-claim.ts';
import { RunGate, type RunPass } from './run-gate.ts';
import type { RunningRun } from './running.ts';
import { LOOK_AROUND_MS, openRun } from './suspects.ts';

interface Run {
  /**
   * What its handler does: ends; kills its worker; or heeds no signal, is abandoned at its limit,
   * and may yet kill its worker.
   */
  readonly nature: 'innocent' | 'pill' | 'heedless';
  lost: number;
  /** Its caller is lost. */
  unread: boolean;
  end?: 'completed' | 'dead letter' | 'timed out' | 'unread';
  kills: number;
}

interface Stay {
  readonly run: Run;
  readonly pass: RunPass;
  readonly controller: AbortController;
  /** Its caller was lost before it came here. */
  readonly unread: boolean;
  claimed: boolean;
}

interface Worker {
  readonly gate: RunGate;
  readonly stays: Set<Stay>;
  readonly leftovers: Map<Run, () => void>;
  dead: boolean;
  worn: boolean;
}

class World {
  readonly runs: readonly Run[];
  readonly #random: SeededRandom;
  readonly #slots: number;
  readonly #queue: Run[];
  readonly #workers: Worker[];

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#slots = random.int(1, 6);
    this.runs = Array.from({ length: random.int(2, 14) }, () => ({
      nature: random.pick(['innocent', 'innocent', 'innocent', 'pill', 'heedless'] as const),
      lost: 0,
      unread: false,
      kills: 0,
    }));
    this.#queue = random.shuffle(this.runs);
    this.#workers = Array.from({ length: random.int(1, 4) }, () => this.#newWorker());
  }

  /** Until every run has its end. @throws AssertionError when that takes too long */
  async play(): Promise<void> {
    for (let steps = 0; this.runs.some(({ end }) => end === undefined); steps += 1) {
      assert.ok(steps < 20_000, 'some run never ends');
      // Several things happen within one turn of the event loop.
      for (let acts = this.#random.int(1, 4); acts > 0; acts -= 1) this.#act();
      await new Promise(setImmediate);
    }
  }

  #act(): void {
    const worker = this.#random.pick(this.#workers);
    const stay = this.#anyOf([...worker.stays].filter(({ claimed }) => claimed));
    const what = this.#random.int(0, 99);
    if (worker.worn || what < 2) return this.#drain(worker);
    if (what < 50) return this.#deliver(worker);
    if (what < 60) return this.#leftover(worker);
    if (what < 61) return this.#loseCaller();
    if (stay === undefined) return;
    if (stay.run.nature === 'innocent') return this.#end(worker, stay, 'completed');
    if (stay.run.nature === 'pill') return this.#kill(worker, stay.run);
    this.#stop(worker, stay, 'timed out');
  }

  /** Its gateway is gone for so long that nobody waits for the run any more. */
  #loseCaller(): void {
    const run = this.#anyOf(this.runs.filter(({ end }) => end === undefined));
    if (run === undefined) return;
    run.unread = true;
    for (const worker of this.#workers) {
      for (const stay of worker.stays) {
        if (stay.run !== run) continue;
        if (stay.claimed) this.#stop(worker, stay, 'unread');
        else stay.controller.abort();
      }
    }
  }

  /** It is told to end before it does so by itself. */
  #stop(worker: Worker, stay: Stay, end: NonNullable<Run['end']>): void {
    const { run, pass } = stay;
    if (run.nature === 'heedless') {
      pass.abandon(new Promise<void>((resolve) => worker.leftovers.set(run, resolve)));
    }
    this.#end(worker, stay, end);
  }

  #deliver(worker: Worker): void {
    if (worker.stays.size >= this.#slots) return;
    const run = this.#queue.shift();
    const pass = run && worker.gate.enter();
    if (run === undefined) return;
    if (pass === undefined) return void this.#queue.push(run);
    const { unread } = run;
    const stay: Stay = { run, pass, controller: new AbortController(), unread, claimed: false };
    worker.stays.add(stay);
    void this.#open(worker, stay);
  }

  async #open(worker: Worker, stay: Stay): Promise<void> {
    const { run, pass, controller, unread } = stay;
    const isolate = (signal: AbortSignal): Promise<boolean> => {
      assert.ok(!unread, 'room is made for a run that nobody waits for');
      return pass.isolate(signal);
    };
    const log = { open: (_: AbortSignal, claim: object) => this.#claim(worker, stay, claim) };
    const entry = { log, pass: { ...pass, isolate }, controller };
    try {
      const { kind } = await openRun(entry as unknown as RunningRun, {
        gate: worker.gate,
        restart: true,
        mayClose: () => Promise.resolve(this.#random.int(0, 3) > 0),
        unread,
        onWorn: () => (worker.worn = true),
      });
      if (kind !== 'suspect') return;
    } catch (error) {
      if (error !== controller.signal.reason) throw error;
    }
    if (worker.dead) return;
    pass.leave();
    worker.stays.delete(stay);
    this.#queue.push(run);
  }

  #claim(worker: Worker, stay: Stay, { alone = false }): Promise<Opened> {
    const { run } = stay;
    // What a dead worker waits for never comes.
    if (worker.dead) return new Promise(() => undefined);
    if (run.lost >= MAX_ATTEMPTS) {
      this.#end(worker, stay, 'dead letter');
      return Promise.resolve({ kind: 'ended' });
    }
    if (!alone && run.lost >= SUSPECT_FROM) {
      const silentMs = this.#random.int(TAKEOVER_MS, LOOK_AROUND_MS * 2);
      return Promise.resolve({ kind: 'suspect', lostBefore: run.lost, silentMs });
    }
    if (stay.unread) {
      this.#end(worker, stay, 'unread');
      return Promise.resolve({ kind: 'ended' });
    }
    if (run.lost >= SUSPECT_FROM) {
      assert.equal(worker.stays.size, 1, 'a suspect begins beside another run');
      assert.equal(worker.leftovers.size, 0, 'a suspect begins beside an abandoned handler');
    }
    stay.claimed = true;
    return Promise.resolve({ kind: 'started', attempt: run.lost + 1, lostBefore: run.lost });
  }

  #end(worker: Worker, stay: Stay, end: NonNullable<Run['end']>): void {
    assert.equal(stay.run.end, undefined, 'a run ends twice');
    stay.run.end = end;
    worker.stays.delete(stay);
    stay.pass.leave();
  }

  /** Something is left of a run that was abandoned: it ends, or it kills the worker after all. */
  #leftover(worker: Worker): void {
    const left = this.#anyOf([...worker.leftovers.keys()]);
    if (left === undefined) return;
    if (this.#random.int(0, 1) === 0) return this.#kill(worker, left);
    worker.leftovers.get(left)?.();
    worker.leftovers.delete(left);
  }

  #kill(worker: Worker, killer: Run): void {
    killer.kills += 1;
    for (const { run, claimed } of worker.stays) {
      if (claimed) run.lost += 1;
    }
    this.#replace(worker);
  }

  #drain(worker: Worker): void {
    worker.gate.stop();
    this.#replace(worker);
  }

  #replace(worker: Worker): void {
    worker.dead = true;
    this.#queue.push(...this.#random.shuffle([...worker.stays].map(({ run }) => run)));
    this.#workers[this.#workers.indexOf(worker)] = this.#newWorker();
  }

  #newWorker(): Worker {
    return {
      gate: new RunGate({ onChange: () => undefined }),
      stays: new Set(),
      leftovers: new Map(),
      dead: false,
      worn: false,
    };
  }

  #anyOf<T>(items: readonly T[]): T | undefined {
    return items.length === 0 ? undefined : this.#random.pick(items);
  }
}

describe('suspects', () => {
  it('a run that kills its workers costs at most three of them, and no other run its end', async (test) => {
    const seed = testSeed(test);
    for (let game = 0; game < 300; game += 1) {
      const world = new World(seededRandom(seed + game));
      await world.play();
      for (const { nature, unread, end, kills, lost } of world.runs) {
        const story = `game ${game}: ${nature} ends as ${end}, kills ${kills}, lost ${lost} times`;
        if (unread) assert.ok(end === 'unread' || end === 'dead letter', story);
        else if (nature === 'innocent') assert.equal(end, 'completed', story);
        else if (nature === 'pill') assert.equal(end, 'dead letter', story);
        else assert.equal(end, 'timed out', story);
        // Fewer when others have killed it, too.
        if (nature === 'pill') assert.ok(kills <= MAX_ATTEMPTS, story);
        if (nature === 'heedless') assert.ok(kills <= 1, story);
      }
    }
  });
});
