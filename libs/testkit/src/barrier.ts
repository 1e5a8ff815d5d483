export interface Barrier {
  /** How many have arrived. */
  readonly arrived: number;
  /** Resolves for everybody when the last has arrived. Throws when one more comes than agreed. */
  arrive(): Promise<void>;
}

/** Holds `size` parties back until all of them have come. Throws RangeError below one. */
export function barrier(size: number): Barrier {
  if (!Number.isInteger(size) || size < 1)
    throw new RangeError('a barrier needs one party or more');
  const { promise, resolve } = Promise.withResolvers<void>();
  let arrived = 0;
  return {
    get arrived() {
      return arrived;
    },
    arrive() {
      if (arrived === size) throw new Error(`the barrier is for ${size}, and one more came`);
      arrived += 1;
      if (arrived === size) resolve();
      return promise;
    },
  };
}
