/** Where the requests of this gateway's open runs lie, and who counts along. */
import { placeOf } from '@switchboard/contract';
import type { Place } from '../fleet/lane-states.ts';
import type { Queued } from './request-publisher.ts';

/** Told of what this gateway puts into the queues, and of the ends; a Fleet fits. Never throws. */
export interface QueueObserver {
  submitted(pool: string, bytes: number, place: Place): void;
  ended(pool: string): void;
}

/** A request in the queue of a pool. */
export interface PoolPlace extends Place {
  readonly pool: string;
}

export class QueuePlaces {
  readonly #observer: QueueObserver | undefined;
  readonly #places = new Map<string, PoolPlace>();

  constructor(observer: QueueObserver | undefined) {
    this.#observer = observer;
  }

  get(run: string): PoolPlace | undefined {
    return this.#places.get(run);
  }

  queued(run: string, pool: string, { subject, seq }: Queued, bytes: number): void {
    const { priority, lane } = placeOf(subject) ?? { priority: 'normal', lane: 1 };
    const place = { pool, priority, lane, seq };
    this.#places.set(run, place);
    this.#observer?.submitted(pool, bytes, place);
  }

  /** Of a run that was not queued: nothing. */
  ended(run: string): void {
    const place = this.#places.get(run);
    if (place === undefined) return;
    this.#places.delete(run);
    this.#observer?.ended(place.pool);
  }
}
