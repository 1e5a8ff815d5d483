/** Who is killed when: drawn from a seed, one at a time, and each is replaced. */
import { setTimeout as delay } from 'node:timers/promises';

import type { SeededRandom } from '@switchboard/testkit';

import type { Fleet } from './fleet.ts';
import { type Election, NatsKills } from './nats-kills.ts';
import type { Say } from './result.ts';

type Act = 'worker' | 'gateway' | 'nats-server' | 'hand-over';

/** What was done in a drill. */
export interface Kills {
  readonly counts: Readonly<Record<Act, number>>;
  /** When a worker was killed, epoch milliseconds. */
  readonly workersAtMs: readonly number[];
  readonly elections: readonly Election[];
}

/** Twice as many workers: they are what has to be taken over. */
const ALONE: readonly Act[] = ['worker', 'gateway', 'worker', 'nats-server'];
/** On three nats-servers those count as much, and whoever leads can also hand over. */
const CLUSTERED: readonly Act[] = [...ALONE, 'nats-server', 'hand-over'];

const CALM = { min: 1_000, max: 6_000 };
const DOWN_MAX_MS = 1_500;
/** A member of a cluster is away for longer than those that are left need to elect a leader. */
const MEMBER_DOWN_MS = { min: 2_000, max: 12_000 };

/** Kills until `untilMs` of Date.now(); resolves when all are back. */
export async function killUntil(
  untilMs: number,
  fleet: Fleet,
  random: SeededRandom,
  say: Say,
): Promise<Kills> {
  const counts: Record<Act, number> = { worker: 0, gateway: 0, 'nats-server': 0, 'hand-over': 0 };
  const acts = new KillActs(fleet, say);
  const kinds = acts.clustered ? CLUSTERED : ALONE;
  for (;;) {
    for (const kind of random.shuffle(kinds)) {
      const calmMs = random.int(CALM.min, CALM.max);
      const downMs = random.int(0, DOWN_MAX_MS);
      const draw = random.int(0, 999);
      if (Date.now() + calmMs > untilMs) {
        await acts.settled();
        return { counts, workersAtMs: acts.workersAtMs, elections: acts.elections };
      }
      await delay(calmMs);
      counts[kind] += 1;
      say(`  ${await acts.do(kind, draw, downMs)}`);
    }
  }
}

class KillActs {
  readonly workersAtMs: number[] = [];
  readonly #fleet: Fleet;
  readonly #nats: NatsKills;

  constructor(fleet: Fleet, say: Say) {
    this.#fleet = fleet;
    this.#nats = new NatsKills(fleet.natsCluster, say);
  }

  get clustered(): boolean {
    return this.#fleet.natsCluster.servers.length > 1;
  }

  get elections(): readonly Election[] {
    return this.#nats.elections;
  }

  /** @returns what was done. */
  async do(kind: Act, draw: number, downMs: number): Promise<string> {
    if (kind === 'hand-over') return await this.#nats.stepDown(draw);
    if (kind !== 'nats-server') return await this.#replace(kind, draw, downMs);
    if (this.clustered) return await this.#nats.kill(draw, memberDownMs(downMs));
    const { nats } = this.#fleet;
    nats.kill('SIGKILL');
    await nats.exited;
    await delay(downMs);
    await nats.restart();
    return 'SIGKILL nats-server, back now';
  }

  async settled(): Promise<void> {
    await this.#nats.settled();
  }

  async #replace(kind: 'worker' | 'gateway', draw: number, downMs: number): Promise<string> {
    const places = kind === 'worker' ? this.#fleet.workers : this.#fleet.gateways;
    const place = draw % places.length;
    const old = places[place];
    if (old === undefined) throw new Error(`there is no ${kind} ${place}`);
    if (kind === 'worker') this.workersAtMs.push(Date.now());
    old.process.kill('SIGKILL');
    await old.process.exited;
    await delay(downMs);
    if (kind === 'worker') await this.#fleet.startWorker(place);
    else await this.#fleet.startGateway(place);
    return `SIGKILL ${old.name}, back now`;
  }
}

/** The same draw, stretched to what a member is away for. */
function memberDownMs(downMs: number): number {
  const { min, max } = MEMBER_DOWN_MS;
  return Math.round(min + (downMs / DOWN_MAX_MS) * (max - min));
}
