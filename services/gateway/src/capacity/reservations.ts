/**
 * Places told to callers who were refused: what makes `Retry-After` come true.
 *
 * A caller who is refused is told a time, and a place is kept for it until a moment after that
 * time. Whoever comes new waits behind the places that are due before it would start, so those who
 * come back when told get in. Without this, a full system tells everybody the same moment, and
 * most come back in vain.
 *
 * - R1 Lanes hold here as in the queue: places of a caller with much of its own work never stand
 *   before a caller with none.
 * - R2 Only a share of the capacity is promised ahead; the rest is for whoever comes.
 * - R3 Places count as much as they were taken up lately: callers who never come back hold nobody
 *   up.
 */
import { LANES, type Lane } from '@switchboard/contract';

export interface Reservation {
  /** Whose it is: the identity of the fair queue, hashed. */
  readonly identity: string;
  readonly lane: Lane;
  /** On the clock of {@link ReservationsOptions.now}. */
  readonly dueAtMs: number;
}

export interface ReservationsOptions {
  /** Milliseconds; never goes back. */
  readonly now: () => number;
  /** Told of places made and taken here, for the other gateways to know. */
  readonly onChange?: (change: ReservationChange) => void;
}

export interface ReservationChange {
  readonly made: boolean;
  readonly reservation: Reservation;
}

/** Share of the capacity that is promised ahead. */
const SHARE = 0.5;
/** How long a place is kept after its time: a caller is told whole seconds, and has to connect. */
const KEPT_MS = 2_000;
/** A caller that is this much early is in time: clocks and timers differ. */
const EARLY_MS = 50;
/** No place is kept further ahead than a caller can be told to wait. */
export const HORIZON_MS = 60_000;
const RESERVATIONS_MAX = 10_000;
/** How much one more place that was taken, or was not, changes the estimate of R3. */
const LEARNING = 0.05;

export class Reservations {
  readonly #options: ReservationsOptions;
  /** In the order of their times. */
  readonly #lanes = new Map<Lane, Reservation[]>(LANES.map((lane) => [lane, []]));
  /** Part of the places that are taken up, 0 to 1. */
  #takenUp = 0.5;

  constructor(options: ReservationsOptions) {
    this.#options = options;
  }

  get size(): number {
    let size = 0;
    for (const places of this.#lanes.values()) size += places.length;
    return size;
  }

  /**
   * Keeps a place for a caller that has to be refused.
   *
   * @param earliestMs from now, when the queue is expected to have room
   * @param ratePerSecond how many requests the pool begins in a second
   * @returns how long from now; nothing is kept when that is beyond {@link HORIZON_MS}.
   */
  make(identity: string, lane: Lane, earliestMs: number, ratePerSecond: number): number {
    const nowMs = this.#options.now();
    this.#expire(nowMs);
    const gapMs = 1_000 / (ratePerSecond * SHARE);
    const last = this.#latestMs(lane);
    const dueAtMs = Math.max(nowMs + earliestMs, last === undefined ? 0 : last + gapMs);
    const waitMs = dueAtMs - nowMs;
    if (waitMs > HORIZON_MS || this.size >= RESERVATIONS_MAX) return Math.max(waitMs, HORIZON_MS);
    const reservation = { identity, lane, dueAtMs };
    this.#add(reservation);
    this.#options.onChange?.({ made: true, reservation });
    return waitMs;
  }

  /** Takes the place of a caller who has come when told; false when it has none that is due. */
  take(identity: string): boolean {
    const nowMs = this.#options.now();
    this.#expire(nowMs);
    for (const places of this.#lanes.values()) {
      const end = countUntil(places, nowMs + EARLY_MS);
      const index = places.findIndex((place) => place.identity === identity);
      if (index === -1 || index >= end) continue;
      const [reservation] = places.splice(index, 1);
      if (reservation === undefined) return false;
      this.#learn(1);
      this.#options.onChange?.({ made: false, reservation });
      return true;
    }
    return false;
  }

  /** Places that a newcomer of `lane` stands behind when it begins within `withinMs`: R1, R3. */
  before(lane: Lane, withinMs: number): number {
    const nowMs = this.#options.now();
    this.#expire(nowMs);
    let count = 0;
    for (const [each, places] of this.#lanes) {
      if (each <= lane) count += countUntil(places, nowMs + withinMs);
    }
    return count * this.#takenUp;
  }

  /** What another gateway made or saw taken. */
  note({ made, reservation }: ReservationChange): void {
    this.#expire(this.#options.now());
    if (made) {
      if (this.size < RESERVATIONS_MAX) this.#add(reservation);
      return;
    }
    const places = this.#lanes.get(reservation.lane) ?? [];
    const index = places.findIndex(
      ({ identity, dueAtMs }) =>
        identity === reservation.identity && Math.abs(dueAtMs - reservation.dueAtMs) < EARLY_MS,
    );
    if (index === -1) return;
    places.splice(index, 1);
    this.#learn(1);
  }

  #add(reservation: Reservation): void {
    const places = this.#lanes.get(reservation.lane) ?? [];
    let index = places.length;
    // Most are later than all before.
    while (index > 0 && (places[index - 1]?.dueAtMs ?? 0) > reservation.dueAtMs) index -= 1;
    places.splice(index, 0, reservation);
  }

  /** The latest place that a caller of `lane` comes after: R1. */
  #latestMs(lane: Lane): number | undefined {
    let latest: number | undefined;
    for (const [each, places] of this.#lanes) {
      const last = places.at(-1)?.dueAtMs;
      if (each > lane || last === undefined) continue;
      if (latest === undefined || last > latest) latest = last;
    }
    return latest;
  }

  #expire(nowMs: number): void {
    for (const places of this.#lanes.values()) {
      const missed = countUntil(places, nowMs - KEPT_MS);
      if (missed > 0) places.splice(0, missed);
      for (let each = 0; each < missed; each++) this.#learn(0);
    }
  }

  #learn(taken: 0 | 1): void {
    this.#takenUp += LEARNING * (taken - this.#takenUp);
  }
}

/** How many of `places` are due by `untilMs`. */
function countUntil(places: readonly Reservation[], untilMs: number): number {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((places[middle]?.dueAtMs ?? Infinity) <= untilMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
