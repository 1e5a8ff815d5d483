/**
 * What one gateway knows of one pool's queue: what the server said last, and what this gateway
 * itself has put in and seen end since then.
 *
 * - Q1 what the server said counts as a whole: of the own requests only those stored after it are
 *   added.
 * - Q2 nothing here is below zero, and `queued` is the sum of the lanes' `pending`.
 * - Q3 a slot that is free takes the next request at once, by the shares of the priorities and in
 *   the order of the lanes: so much is known of what other processes did since.
 * - Q4 what was given out and is more than the slots can hold was given back, or its worker is
 *   dead: it waits. The server does not count it as pending.
 */
import { laneConsumer, type LaneName } from '@switchboard/contract';
import {
  aheadOfPlace,
  type LaneState,
  nameOf,
  type Place,
  sum,
  takenByShares,
} from './lane-states.ts';

/** What the server says of a pool's queue. */
export interface QueueReading {
  /** Queued and running. */
  readonly outstanding: number;
  readonly bytes: number;
  readonly lastSeq: number;
  /** Most requests, and most bytes of them, that the queue takes. */
  readonly maxOutstanding: number;
  readonly maxBytes: number;
  readonly lanes: readonly LaneState[];
}

export interface QueueState extends QueueReading {
  readonly queued: number;
  /** Given to a worker, and not ended. */
  readonly running: number;
  /** Age of what the server said. */
  readonly ageMs: number;
}

interface Submitted {
  readonly bytes: number;
  readonly lane: LaneName;
  readonly seq: number | undefined;
}

/** Own requests remembered one by one; more only come together when NATS does not answer. */
const OWN_MAX = 20_000;

export class QueueView {
  readonly #now: () => number;
  #reading: QueueReading | undefined;
  #readAtMs = 0;
  #own: Submitted[] = [];
  #ownPending = new Map<LaneName, number>();
  #ownBytes = 0;
  #ended = 0;
  #endedSinceAsked = 0;

  /** `now`: a monotonic clock, milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** This gateway has put a request in. Without its place it counts into normal lane 1. */
  submitted(bytes: number, place?: Place): void {
    if (this.#own.length >= OWN_MAX) return;
    const lane = laneConsumer(place?.priority ?? 'normal', place?.lane ?? 1);
    const own = { bytes, lane, seq: place?.seq };
    this.#own.push(own);
    this.#count(own);
  }

  /** A run of this gateway has ended. */
  ended(): void {
    this.#ended += 1;
    this.#endedSinceAsked += 1;
  }

  /** The server is asked now: what ends from here on may not be in its answer. */
  asked(): void {
    this.#endedSinceAsked = 0;
  }

  /** Its answer. */
  read(reading: QueueReading): void {
    this.#reading = reading;
    this.#readAtMs = this.#now();
    this.#ended = this.#endedSinceAsked;
    this.#own = this.#own.filter(({ seq }) => seq !== undefined && seq > reading.lastSeq);
    this.#ownPending = new Map();
    this.#ownBytes = 0;
    for (const own of this.#own) this.#count(own);
  }

  /**
   * As it stands now, when `slots` run requests or would take one. Undefined while the server has
   * never answered.
   */
  state(slots: number): QueueState | undefined {
    const reading = this.#reading;
    if (reading === undefined) return undefined;
    const returned = returnedOf(reading, slots);
    const runningThen = Math.max(0, reading.outstanding - sum(returned));
    const put = this.#own.length;
    // Q3: what was free then, and what has become free since, has taken a request each.
    const begun = Math.min(put, Math.max(0, slots - runningThen)) + this.#ended;
    const lanes = takenByShares(
      returned.map((lane) => ({
        ...lane,
        pending: lane.pending + (this.#ownPending.get(nameOf(lane)) ?? 0),
      })),
      begun,
    );
    const queued = sum(lanes);
    const outstanding = Math.max(queued, reading.outstanding + put - this.#ended);
    return {
      ...reading,
      outstanding,
      queued,
      running: outstanding - queued,
      bytes: this.#bytes(reading),
      lanes,
      ageMs: Math.round(this.#now() - this.#readAtMs),
    };
  }

  /**
   * How many requests are taken before this one, as far as is known. Within its lane, between the
   * last one given out and the last one stored, requests are taken to lie evenly; one that was
   * given back is the first of its lane.
   */
  ahead(place: Place, slots: number): number | undefined {
    const reading = this.#reading;
    const state = this.state(slots);
    if (reading === undefined || state === undefined) return undefined;
    return aheadOfPlace(place, state.lanes, reading.lastSeq);
  }

  #bytes({ bytes, outstanding }: QueueReading): number {
    const put = outstanding + this.#own.length;
    if (put === 0) return 0;
    const all = bytes + this.#ownBytes;
    return Math.round(all * Math.max(0, 1 - this.#ended / put));
  }

  #count({ bytes, lane }: Submitted): void {
    this.#ownBytes += bytes;
    this.#ownPending.set(lane, (this.#ownPending.get(lane) ?? 0) + 1);
  }
}

/** Q4. What comes back is of the last lanes: the better ones have filled the slots. */
function returnedOf({ outstanding, lanes }: QueueReading, slots: number): LaneState[] {
  let left = Math.max(0, outstanding - sum(lanes) - slots);
  const withReturned = lanes.toReversed().map((lane) => {
    const returned = Math.min(left, lane.givenOut);
    left -= returned;
    return { ...lane, pending: lane.pending + returned };
  });
  return withReturned.toReversed();
}
