/**
 * A worker is stopped (SIGSTOP) in the middle of its runs, and goes on when others have taken over
 * long ago. What the model has said to it meanwhile lies in its sockets then.
 */
import { setTimeout as delay } from 'node:timers/promises';

import { writeAgentsFile } from '@switchboard/stack';
import { percentile, until } from '@switchboard/testkit';

import { Fleet } from './fleet.ts';
import type { DrillOptions } from './options.ts';
import { type FinalResponse, ResponseReader } from './response-reader.ts';
import type { DrillResult, Say } from './result.ts';
import { SimulatorLog } from './simulator-log.ts';
import { type Fate, problemsOf, type StoppedRun, takeoverOf } from './stopped-judge.ts';
import { wordsOf } from './words.ts';

const GATEWAYS = 2;
/** Of each fate. */
const RUNS_EACH = 4;
const FATES: readonly Fate[] = ['fails', 'restarts', 'is taken over'];
const POOL_SIZE = RUNS_EACH * FATES.length + 4;
const PACE_MS = 200;
/** Longer than it takes until everything runs and the worker is stopped. */
const THINK_S = 20;
/** What was begun again still runs when the stopped worker goes on. */
const BEYOND_S = 15;
const PATIENCE_MS = 60_000;
/** Requests that need every slot of both workers, afterwards. */
const SLOTS = 2 * POOL_SIZE;

export async function stoppedDrill(options: DrillOptions, say: Say): Promise<DrillResult> {
  const { seconds, seed } = options;
  const limitS = seconds + THINK_S + BEYOND_S + 120;
  const limits = { timeout: limitS, idle_timeout: limitS, first_token_timeout: limitS };
  const agents = ['fail', 'restart'].map((policy) => {
    return { name: `${policy}/*`, model: '*', on_worker_lost: policy, ...limits };
  });
  const fleet = await Fleet.start({
    gateways: GATEWAYS,
    workers: 1,
    poolSize: POOL_SIZE,
    env: {
      AGENTS_FILE: writeAgentsFile(agents),
      DRAIN_TIMEOUT_MS: String(limitS * 1_000 + 10_000),
    },
    log: options.log,
  });
  try {
    return await new StoppedDrill(fleet, seconds, say).run(seed);
  } finally {
    await fleet.stop();
  }
}

type Begun = Pick<StoppedRun, 'id' | 'fate' | 'text'> & { readonly live: ResponseReader[] };

class StoppedDrill {
  readonly #fleet: Fleet;
  readonly #seconds: number;
  readonly #say: Say;
  readonly #log: SimulatorLog;

  constructor(fleet: Fleet, seconds: number, say: Say) {
    this.#fleet = fleet;
    this.#seconds = seconds;
    this.#say = say;
    this.#log = new SimulatorLog(fleet.simulator.url);
  }

  async run(seed: number): Promise<DrillResult> {
    const [stopped] = this.#fleet.workers;
    if (stopped === undefined) throw new Error('there is no worker');
    const begun = await this.#begin();
    stopped.process.kill('SIGSTOP');
    const stoppedAtMs = Date.now();
    this.#say(`${stopped.name} stopped with ${begun.length} runs; another worker is started`);
    await this.#fleet.startWorker(1);
    await delay(this.#seconds * 1_000);
    stopped.process.kill('SIGCONT');
    const continuedAtMs = Date.now();
    this.#say(`${stopped.name} goes on: waiting for the last runs`);
    await Promise.all(begun.flatMap(({ live }) => live.map(({ done }) => done)));
    await this.#allGivenUp();
    const runs = await Promise.all(begun.map((run) => this.#readAgain(run)));
    const slots = await this.#mostAtOnce();
    return this.#judge(seed, runs, { stoppedAtMs, continuedAtMs, slots });
  }

  /** Every run is with the one worker, and has two readers. */
  async #begin(): Promise<readonly Begun[]> {
    const begun = FATES.flatMap((fate) => {
      return Array.from({ length: RUNS_EACH }, (_, place) => this.#start(fate, place));
    });
    for (const { fate, id, live } of begun) {
      const [reader] = live;
      if (reader === undefined) continue;
      await within(`the id of ${id}`, () => reader.id !== '');
      live.push(ResponseReader.follow(this.#url(1), reader.id));
      if (fate === 'is taken over') continue;
      await within(`the first words of ${id}`, () => live.every(({ text }) => text !== ''));
    }
    await within('a model call for each', async () => {
      await this.#log.read();
      return begun.every(({ id }) => this.#log.of(id).length === 1);
    });
    return begun;
  }

  #start(fate: Fate, place: number): Begun {
    const id = `s-${FATES.indexOf(fate)}-${place}`;
    const text = wordsOf(id, Math.ceil(((this.#seconds + BEYOND_S) * 1_000) / PACE_MS));
    const think = fate === 'is taken over' ? `think=${THINK_S}s,` : '';
    const policy = fate === 'restarts' ? 'restart' : 'fail';
    const model = `${policy}/${think}text=echo,pace=${PACE_MS}`;
    return {
      id,
      fate,
      text,
      live: [ResponseReader.make(this.#url(0), id, { model, input: text })],
    };
  }

  /** The stopped worker has closed what it had open with the model. */
  async #allGivenUp(): Promise<void> {
    await within('the calls of the stopped worker to end', async () => {
      await this.#log.read();
      return this.#log.all.every(({ outcome }) => outcome !== 'running');
    }).catch(() => this.#say('calls of the stopped worker are still open'));
  }

  async #readAgain({ live, ...run }: Begun): Promise<StoppedRun> {
    const id = live[0]?.id ?? '';
    const later = [0, 1].map((gateway) => ResponseReader.follow(this.#url(gateway), id));
    await Promise.all(later.map(({ done }) => done));
    const finals = [0, 1].map(async (gateway): Promise<FinalResponse> => {
      const response = await fetch(`${this.#url(gateway)}/v1/responses/${id}`);
      return (await response.json()) as FinalResponse;
    });
    return { ...run, live, later, finals: await Promise.all(finals) };
  }

  /** Of as many requests as both workers have slots. */
  async #mostAtOnce(): Promise<number> {
    const { simulator } = this.#fleet;
    await fetch(`${simulator.url}/reset`, { method: 'POST' });
    const readers = Array.from({ length: SLOTS }, (_, place) => {
      const body = { model: 'fail/think=5s,tokens=1', input: 'x' };
      return ResponseReader.make(this.#url(place % GATEWAYS), `after-${place}`, body);
    });
    await Promise.all(readers.map(({ done }) => done));
    const stats = await (await fetch(`${simulator.url}/stats`)).json();
    return (stats as { readonly maxRunning: number }).maxRunning;
  }

  #judge(
    seed: number,
    runs: readonly StoppedRun[],
    {
      continuedAtMs,
      slots,
      stoppedAtMs,
    }: Record<'stoppedAtMs' | 'continuedAtMs' | 'slots', number>,
  ): DrillResult {
    const violations = runs.flatMap((run) => problemsOf(run, this.#log.of(run.id), stoppedAtMs));
    if (slots !== SLOTS) violations.push(`afterwards ${slots} of ${SLOTS} slots took a request`);
    const takeovers = runs.flatMap(({ id }) => takeoverOf(this.#log.of(id), stoppedAtMs) ?? []);
    const given = runs.map(({ id }) => (this.#log.of(id)[0]?.endedAtMs ?? NaN) - continuedAtMs);
    const deltas = runs.flatMap(({ live }) => live.map(({ events }) => events.length));
    const figures = {
      runs: runs.length,
      readers: runs.reduce((sum, { later, live }) => sum + live.length + later.length, 0),
      'seconds stopped': this.#seconds,
      'events read live': deltas.reduce((sum, count) => sum + count, 0),
      'taken over after ms': summary(takeovers),
      'model calls given up after ms': summary(given),
      'slots afterwards': `${slots} of ${SLOTS}`,
    };
    return { seed, figures, violations };
  }

  #url(gateway: number): string {
    return this.#fleet.urls[gateway] ?? '';
  }
}

async function within(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  await until(condition, { what, timeoutMs: PATIENCE_MS, intervalMs: 50 });
}

function summary(values: readonly number[]): string {
  if (values.length === 0) return 'none';
  const [p50, most] = [50, 100].map((p) => Math.round(percentile(values, p)));
  return `p50 ${p50}, max ${most}`;
}
