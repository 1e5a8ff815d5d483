/**
 * Runs that two workers were lost on, and what runs beside them: nothing. The lost workers are
 * made up of their claims; a takeover takes 16 s.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type RunEvent, runClaim, runEvents, type WorkerWord } from '@switchboard/contract';
import { Cable, until } from '@switchboard/testkit';
import type { RunHandle } from '../src/index.ts';
import { answerAtOnce, type Gateway, Harness, submit, type Worker } from './harness.ts';
import type { WorkerOptions } from './harness.ts';

const LATE = { timeoutMs: 60_000 };
/** Quick signs of life, and so a gateway is soon known to be lost. */
const BEATS = { beatMs: 50 };
const LOST_MS = 800;

/** One worker or two, and what begins and ends on them, in order. */
class Scene {
  readonly harness: Harness;
  readonly gateway: Gateway;
  /** `suspect begins on one`, `suspect ends`. */
  readonly story: string[] = [];
  readonly #gates = new Map<string, PromiseWithResolvers<void>>();
  #busy = 0;
  #busiest = 0;

  private constructor(harness: Harness, gateway: Gateway) {
    this.harness = harness;
    this.gateway = gateway;
    harness.observer.subscribe('fleet.default.*', {
      callback: (_error, message) => {
        this.#busy = message.json<WorkerWord>().busy;
        this.#busiest = Math.max(this.#busiest, this.#busy);
      },
    });
  }

  static async begin(test: TestContext): Promise<Scene> {
    const harness = await Harness.start();
    test.after(() => harness.stop());
    return new Scene(harness, await harness.gateway(BEATS));
  }

  /** Slots that are not free, as a worker said last. */
  get busy(): number {
    return this.#busy;
  }

  /** The most of them that were not free at any time. */
  get busiest(): number {
    return this.#busiest;
  }

  /** A worker whose runs go on until their gate is opened. */
  worker(
    name: string,
    size: number,
    options: WorkerOptions & { readonly servers?: string } = {},
  ): Promise<Worker> {
    const { story } = this;
    const gateOf = (run: string): Promise<void> => this.#gate(run).promise;
    return this.harness.worker(
      async function* ({ requestId }): AsyncGenerator<RunEvent> {
        story.push(`${requestId} begins on ${name}`);
        await gateOf(requestId);
        story.push(`${requestId} ends`);
        yield* answerAtOnce();
      },
      size,
      name,
      options,
    );
  }

  send(name: string, gateway = this.gateway): Promise<RunHandle> {
    return submit(gateway, name, { requestId: name });
  }

  /** A run that so many workers were lost on. */
  async sendLost(name: string, times: number, gateway = this.gateway): Promise<RunHandle> {
    const run = gateway.client.newRunId();
    for (let lost = 0; lost < times; lost += 1) {
      const started = { type: 'started', worker: 'dead' };
      const claim = { a: lost + 1, n: 1, ...(lost === 0 ? {} : { l: lost }), e: [started] };
      this.harness.observer.publish(runClaim(run), JSON.stringify(claim));
    }
    await until(async () => (await this.said(run)) === times, { what: 'the dead claims' });
    // After them: a worker that is idle would be faster than the dead.
    return await submit(gateway, name, { requestId: name, run });
  }

  /** Messages in a run's log. */
  async said(run: string): Promise<number> {
    const filter = { subjects_filter: runEvents(run) };
    const { subjects } = (await this.harness.manager.streams.info('EVENTS', filter)).state;
    return Object.values(subjects ?? {}).reduce((sum, each) => sum + each, 0);
  }

  release(name: string): void {
    this.#gate(name).resolve();
  }

  async ended(run: string): Promise<void> {
    const end = async (): Promise<string | undefined> =>
      (await this.gateway.client.readLogged(run)).at(-1)?.type;
    await until(async () => (await end()) === 'cancelled', { ...LATE, what: 'the end of the run' });
  }

  async told(what: string): Promise<void> {
    await until(() => this.story.includes(what), { ...LATE, what });
  }

  #gate(name: string): PromiseWithResolvers<void> {
    const gate = this.#gates.get(name) ?? Promise.withResolvers<void>();
    this.#gates.set(name, gate);
    return gate;
  }
}

describe('a run that two workers were lost on', { concurrency: true }, () => {
  it('is run at once by an idle worker, which takes nothing else until it has ended', async (test) => {
    const scene = await Scene.begin(test);
    await scene.sendLost('suspect', 2);
    await scene.worker('one', 3);
    await scene.told('suspect begins on one');
    await scene.worker('two', 1);
    await scene.send('first');
    await scene.told('first begins on two');
    await scene.send('second');
    scene.release('suspect');
    await scene.told('second begins on one');
    assert.deepEqual(scene.story, [
      'suspect begins on one',
      'first begins on two',
      'suspect ends',
      'second begins on one',
    ]);
    scene.release('first');
    scene.release('second');
  });

  it('leaves one worker of three open for other requests, also when all are found at once', async (test) => {
    const scene = await Scene.begin(test);
    const names = ['s1', 's2', 's3'];
    for (const name of names) await scene.sendLost(name, 2);
    await Promise.all(['one', 'two', 'three'].map((name) => scene.worker(name, 3)));
    const begun = (): string[] => scene.story.filter((line) => /^s\d begins/.test(line));
    await until(() => begun().length === 2, { ...LATE, what: 'two suspects, each alone' });
    await scene.send('first');
    await until(() => scene.story.some((line) => line.startsWith('first begins')), {
      ...LATE,
      what: 'a request in the third worker',
    });
    scene.release('first');
    await scene.told('first ends');
    assert.equal(begun().length, 2);
    for (const name of names) scene.release(name);
    await until(() => begun().length === 3, { ...LATE, what: 'the third suspect' });
  });

  it('waits, unclaimed, until a busy worker has nothing else', async (test) => {
    const scene = await Scene.begin(test);
    await scene.worker('one', 3);
    await scene.send('long');
    await scene.told('long begins on one');
    const { run } = await scene.sendLost('suspect', 2);
    await until(() => scene.busy === 3, { ...LATE, what: 'a worker that takes no more' });
    assert.equal(await scene.said(run), 2, 'a claim would be one more loss if the worker died now');
    await scene.send('late');
    scene.release('long');
    await scene.told('suspect begins on one');
    scene.release('suspect');
    await scene.told('late begins on one');
    assert.deepEqual(scene.story, [
      'long begins on one',
      'long ends',
      'suspect begins on one',
      'suspect ends',
      'late begins on one',
    ]);
    scene.release('late');
  });

  it('is not run beside another one: one after the other', async (test) => {
    const scene = await Scene.begin(test);
    for (const name of ['a', 'b', 'c']) await scene.sendLost(name, 2);
    await scene.worker('one', 3);
    for (let ended = 0; ended < 3; ended += 1) {
      await until(() => scene.story.length === 2 * ended + 1, { ...LATE, what: 'the next one' });
      const [name = ''] = scene.story.at(-1)?.split(' ') ?? [];
      scene.release(name);
      await scene.told(`${name} ends`);
    }
    const acts = scene.story.map((line) => line.split(' ')[1]);
    assert.deepEqual(acts, ['begins', 'ends', 'begins', 'ends', 'begins', 'ends']);
  });

  it('that is cancelled while it waits lets the worker take requests again', async (test) => {
    const scene = await Scene.begin(test);
    await scene.worker('one', 3);
    await scene.send('long');
    await scene.told('long begins on one');
    const suspect = await scene.sendLost('suspect', 2);
    await until(() => scene.busy === 3, { ...LATE, what: 'a worker that takes no more' });
    await suspect.cancel('requested');
    await scene.send('next');
    await scene.told('next begins on one');
    scene.release('next');
    scene.release('long');
  });

  it('that is cancelled while its waiting worker is without NATS does so, too', async (test) => {
    const scene = await Scene.begin(test);
    const cable = await Cable.to(scene.harness.nats.port);
    test.after(() => cable.close());
    const { link } = await scene.worker('one', 3, { servers: cable.url });
    await scene.send('long');
    await scene.told('long begins on one');
    const suspect = await scene.sendLost('suspect', 2);
    await until(() => scene.busy === 3, { ...LATE, what: 'a worker that takes no more' });
    cable.unplug();
    await until(() => !link.connected, { what: 'the worker to be away' });
    await suspect.cancel('requested');
    await scene.send('next');
    cable.mend();
    await scene.told('next begins on one');
    assert.equal(scene.story.includes('long ends'), false);
    scene.release('next');
    scene.release('long');
  });

  it('ends where nobody waits for it any more, beside others, whom it keeps from nothing', async (test) => {
    const scene = await Scene.begin(test);
    const lost = await scene.harness.gateway(BEATS);
    await scene.worker('one', 3, { gatewayLostMs: LOST_MS });
    await scene.send('long');
    await scene.told('long begins on one');
    const { run } = await scene.sendLost('suspect', 2, lost);
    await lost.kill();
    await scene.ended(run);
    assert.deepEqual(scene.story, ['long begins on one']);
    assert.ok(scene.busiest < 3, 'the worker took requests all the time');
    scene.release('long');
  });

  it('is not begun for nobody by an idle worker either', async (test) => {
    const scene = await Scene.begin(test);
    const lost = await scene.harness.gateway(BEATS);
    const { run } = await scene.sendLost('suspect', 2, lost);
    await lost.kill();
    await scene.worker('one', 3, { gatewayLostMs: LOST_MS });
    await scene.ended(run);
    assert.deepEqual(scene.story, []);
    assert.ok(scene.busiest < 3, 'the worker took requests all the time');
  });

  it('once only runs beside others, as any run does', async (test) => {
    const scene = await Scene.begin(test);
    await scene.worker('one', 3);
    await scene.send('long');
    await scene.told('long begins on one');
    await scene.sendLost('once', 1);
    await scene.told('once begins on one');
    scene.release('long');
    scene.release('once');
  });
});
