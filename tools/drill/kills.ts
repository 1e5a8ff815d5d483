/** Who is killed when: drawn from a seed, one at a time, and each is replaced. */
import { setTimeout as delay } from 'node:timers/promises';

import type { SeededRandom } from '@switchboard/testkit';

import type { Fleet } from './fleet.ts';
import type { Say } from './result.ts';

/** Twice as many workers: they are what has to be taken over. */
const KINDS = ['worker', 'gateway', 'worker', 'nats-server'] as const;
export type Killed = (typeof KINDS)[number];

const CALM = { min: 1_000, max: 6_000 };
const DOWN_MAX_MS = 1_500;

/** Kills until `untilMs` of Date.now(); resolves with how many of each when all are back. */
export async function killUntil(
  untilMs: number,
  fleet: Fleet,
  random: SeededRandom,
  say: Say,
): Promise<Record<Killed, number>> {
  const counts = { worker: 0, gateway: 0, 'nats-server': 0 };
  for (;;) {
    for (const kind of random.shuffle(KINDS)) {
      const calmMs = random.int(CALM.min, CALM.max);
      const downMs = random.int(0, DOWN_MAX_MS);
      const draw = random.int(0, 999);
      if (Date.now() + calmMs > untilMs) return counts;
      await delay(calmMs);
      counts[kind] += 1;
      say(`  SIGKILL ${await kill(kind, fleet, draw, downMs)}, back now`);
    }
  }
}

async function kill(kind: Killed, fleet: Fleet, draw: number, downMs: number): Promise<string> {
  if (kind === 'nats-server') {
    fleet.nats.kill('SIGKILL');
    await fleet.nats.exited;
    await delay(downMs);
    await fleet.nats.restart();
    return kind;
  }
  const places = kind === 'worker' ? fleet.workers : fleet.gateways;
  const place = draw % places.length;
  const old = places[place];
  if (old === undefined) throw new Error(`there is no ${kind} ${place}`);
  old.process.kill('SIGKILL');
  await old.process.exited;
  await delay(downMs);
  await (kind === 'worker' ? fleet.startWorker(place) : fleet.startGateway(place));
  return old.name;
}
