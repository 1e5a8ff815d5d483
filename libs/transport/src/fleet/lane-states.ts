/** The lanes of a queue as the server counts them, and who is taken before whom. */
import { type Lane, laneConsumer, type LaneName, type Priority } from '@switchboard/contract';
import { aheadOfBoth, highAmong } from './forecast.ts';

/** Where a request lies in its pool's queue. */
export interface Place {
  readonly priority: Priority;
  readonly lane: Lane;
  /** Its sequence in the stream. */
  readonly seq: number;
}

export interface LaneState {
  readonly priority: Priority;
  readonly lane: Lane;
  /** Requests that wait for a slot. */
  readonly pending: number;
  /** Requests that were given out and not acknowledged: they run, or were given back. */
  readonly givenOut: number;
  /** Stream sequence of the latest request that was given out; those after it wait. */
  readonly deliveredSeq: number;
}

export const nameOf = ({ priority, lane }: LaneState): LaneName => laneConsumer(priority, lane);

export const sum = (lanes: readonly LaneState[]): number =>
  lanes.reduce((all, { pending }) => all + pending, 0);

/** Requests that are taken before the one in this place, as far as is known. */
export function aheadOfPlace(
  place: Place,
  lanes: readonly LaneState[],
  lastStored: number,
): number {
  const [own, others] = ofPriority(place.priority, lanes);
  const ahead = aheadOfBoth(place.priority, aheadInClass(place, own, lastStored), sum(others));
  // It waits itself, and may have been counted among the others.
  return Math.min(ahead, Math.max(0, sum(lanes) - 1));
}

/** Requests that would be taken before a new one of this priority and lane. */
export function aheadOfNew(
  { priority, lane }: Omit<Place, 'seq'>,
  lanes: readonly LaneState[],
): number {
  const [own, others] = ofPriority(priority, lanes);
  return aheadOfBoth(priority, sum(own.filter((each) => each.lane <= lane)), sum(others));
}

function ofPriority(wanted: Priority, lanes: readonly LaneState[]): [LaneState[], LaneState[]] {
  const isOwn = ({ priority }: LaneState): boolean => priority === wanted;
  return [lanes.filter(isOwn), lanes.filter((lane) => !isOwn(lane))];
}

function aheadInClass(place: Place, lanes: readonly LaneState[], lastStored: number): number {
  const own = lanes.find(({ lane }) => lane === place.lane);
  const before = sum(lanes.filter(({ lane }) => lane < place.lane));
  if (own === undefined || place.seq <= own.deliveredSeq) return before;
  const lastSeq = Math.max(lastStored, place.seq);
  const between = lastSeq - own.deliveredSeq - 1;
  // It is one of the pending ones itself.
  const share = between <= 0 ? 0 : (place.seq - own.deliveredSeq - 1) / between;
  return before + Math.round(Math.max(0, own.pending - 1) * share);
}

/** What is left of the lanes when `count` requests have been taken. */
export function takenByShares(lanes: readonly LaneState[], count: number): LaneState[] {
  const [high, normal] = ofPriority('high', lanes);
  const ofHigh = highAmong(count, sum(high), sum(normal));
  return [...takenInOrder(high, ofHigh), ...takenInOrder(normal, count - ofHigh)];
}

/** What is left of one priority's lanes when `count` have been taken, best lane first. */
function takenInOrder(lanes: readonly LaneState[], count: number): LaneState[] {
  let left = count;
  return lanes.map((lane) => {
    const taken = Math.min(left, lane.pending);
    left -= taken;
    return { ...lane, pending: lane.pending - taken };
  });
}
