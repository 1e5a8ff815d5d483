import type { Lane, Priority } from '@switchboard/contract';
import { reservationsSubject } from '@switchboard/contract';
import { Counters, Gossip } from '@switchboard/transport';
import type { Fleet, NatsLink, RunClient, TransportLog } from '@switchboard/transport';
import { CapacityGate } from '../capacity/capacity-gate.ts';
import type { Forecast } from '../capacity/capacity-gate.ts';
import { changeFrom, changeText } from '../capacity/reservation-change.ts';
import { Reservations } from '../capacity/reservations.ts';
import type { ReservationChange } from '../capacity/reservations.ts';
import { Limits } from '../limits/limits.ts';
import { Entrance } from './entrance.ts';

export interface EntranceParts {
  readonly link: NatsLink;
  readonly runs: RunClient;
  readonly fleet: Fleet;
  /** This gateway's token. */
  readonly gateway: string;
  readonly replicas: number;
  readonly countersMaxBytes: number;
  readonly maxOutstandingPerUser: number;
  readonly log: TransportLog;
}

/**
 * How long the counters' answer is waited for. Hundreds of requests in one moment can keep a
 * process busy for half a second: whoever is given up then has been counted all the same.
 */
const COUNTER_TIMEOUT_MS = 2_000;

/** The entrance of this gateway, and what it shares with the others. */
export function openEntrance(parts: EntranceParts): {
  entrance: Entrance;
  addPool: (pool: string) => void;
  close: () => void;
} {
  const { fleet, link, log, replicas, runs } = parts;
  const [minutes, days] = (['minute', 'day'] as const).map((span) => {
    const bounds = { maxBytes: parts.countersMaxBytes, answerTimeoutMs: COUNTER_TIMEOUT_MS };
    const counters = new Counters(link, { span, replicas, ...bounds, log });
    counters.start();
    return counters;
  }) as [Counters, Counters];
  const houses = new Map(fleet.pools.map((pool) => [pool, openHouse(parts, pool)]));
  const gate = (pool: string): CapacityGate => {
    const house = houses.get(pool);
    if (house === undefined) throw new RangeError(`there is no pool ${pool}`);
    return house.gate;
  };
  const addPool = (pool: string): void => {
    if (!houses.has(pool)) houses.set(pool, openHouse(parts, pool));
  };
  const entrance = new Entrance({
    maxOutstanding: parts.maxOutstandingPerUser,
    limits: new Limits({ minutes, days }),
    queues: {
      nextLane: (pool, identity) => runs.nextLane(pool, identity),
      forecast: (pool, lane, priority) => forecastOf(fleet, pool, lane, priority),
    },
    gate,
  });
  const close = (): void => {
    for (const { gossip } of houses.values()) gossip.close();
    minutes.close();
    days.close();
  };
  return { entrance, addPool, close };
}

/** The places of one pool that were told to the refused, by all gateways. */
function openHouse({ link, gateway }: EntranceParts, pool: string) {
  const now = (): number => performance.now();
  const gossip = new Gossip<ReservationChange>(link, {
    subject: reservationsSubject(pool),
    gateway,
    write: (change) => changeText(change, now()),
    read: (value) => changeFrom(value, now()),
    onFact: (change) => reservations.note(change),
  });
  const reservations = new Reservations({ now, onChange: (change) => gossip.say(change) });
  gossip.start();
  return { gossip, gate: new CapacityGate(reservations) };
}

function forecastOf(
  fleet: Fleet,
  pool: string,
  lane: Lane,
  priority: Priority,
): Forecast | undefined {
  const { ratePerSecond, serviceMs, waitMs } = fleet.predict(pool, lane, priority);
  if (ratePerSecond === undefined || serviceMs === undefined || waitMs === undefined) {
    return undefined;
  }
  return { ratePerSecond, serviceMs, waitMs };
}
