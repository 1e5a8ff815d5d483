/** Asks the server how one pool's queue stands. */
import {
  type Lane,
  laneConsumer,
  LANES,
  PRIORITIES,
  type Priority,
  requestsStream,
} from '@switchboard/contract';
import type { NatsLink } from '../link/nats-link.ts';
import { api, StoreError } from '../link/store.ts';
import type { LaneState } from './lane-states.ts';
import type { QueueReading } from './queue-view.ts';

interface LanePlace {
  readonly priority: Priority;
  readonly lane: Lane;
}

const PLACES: readonly LanePlace[] = PRIORITIES.flatMap((priority) => {
  return LANES.map((lane) => ({ priority, lane }));
});

/** An answer that takes longer is not waited for: the next question comes soon. */
const TIMEOUT_MS = 1_000;

interface StreamAnswer {
  readonly config?: { readonly max_msgs?: number; readonly max_bytes?: number };
  readonly state?: {
    readonly messages?: number;
    readonly bytes?: number;
    readonly last_seq?: number;
  };
}

interface ConsumerAnswer {
  readonly num_pending?: number;
  readonly num_ack_pending?: number;
  readonly delivered?: { readonly stream_seq?: number };
}

/**
 * One call, and one more for each lane when the queue holds more than the `busy` slots of the pool
 * account for: else nothing waits. @throws StoreError
 */
export async function readQueue(link: NatsLink, pool: string, busy: number): Promise<QueueReading> {
  const call = `STREAM.INFO.${requestsStream(pool)}`;
  const { config, state } = (await api(link, call, {}, TIMEOUT_MS)) as StreamAnswer;
  const outstanding = state?.messages ?? 0;
  const lastSeq = state?.last_seq ?? 0;
  return {
    outstanding,
    bytes: state?.bytes ?? 0,
    lastSeq,
    maxOutstanding: config?.max_msgs ?? 0,
    maxBytes: config?.max_bytes ?? 0,
    lanes:
      outstanding <= busy
        ? PLACES.map((place) => ({ ...place, pending: 0, givenOut: 0, deliveredSeq: lastSeq }))
        : await readLanes(link, pool, outstanding),
  };
}

async function readLanes(
  link: NatsLink,
  pool: string,
  outstanding: number,
): Promise<readonly LaneState[]> {
  const lanes = await Promise.all(PLACES.map((place) => readLane(link, pool, place)));
  // No worker has ever come: nobody knows the lanes, and everything waits.
  const isUnknown = lanes.every((lane) => lane === undefined);
  return PLACES.map((place, index) => {
    const isFirst = place.priority === 'normal' && place.lane === 1;
    const pending = isUnknown && isFirst ? outstanding : 0;
    return lanes[index] ?? { ...place, pending, givenOut: 0, deliveredSeq: 0 };
  });
}

async function readLane(
  link: NatsLink,
  pool: string,
  place: LanePlace,
): Promise<LaneState | undefined> {
  const consumer = laneConsumer(place.priority, place.lane);
  const call = `CONSUMER.INFO.${requestsStream(pool)}.${consumer}`;
  try {
    const info = (await api(link, call, {}, TIMEOUT_MS)) as ConsumerAnswer;
    return {
      ...place,
      pending: info.num_pending ?? 0,
      givenOut: info.num_ack_pending ?? 0,
      deliveredSeq: info.delivered?.stream_seq ?? 0,
    };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** 10014: consumer not found. */
function isMissing(error: unknown): boolean {
  return error instanceof StoreError && error.message.includes('consumer not found');
}
