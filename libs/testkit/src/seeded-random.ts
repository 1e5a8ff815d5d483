/** Randomness that a seed repeats: mulberry32, 32 bits of state, good enough to choose tests. */
export interface SeededRandom {
  readonly seed: number;
  /** From 0, included, to 1, excluded. */
  next(): number;
  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number;
  /** One of the items. Throws RangeError when there are none. */
  pick<T>(items: readonly T[]): T;
  /** The items in another order, as a new array. */
  shuffle<T>(items: readonly T[]): T[];
}

export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  return {
    seed,
    next,
    int,
    pick<T>(items: readonly T[]): T {
      if (items.length === 0) throw new RangeError('nothing to pick from');
      return itemAt(items, int(0, items.length - 1));
    },
    shuffle<T>(items: readonly T[]): T[] {
      const shuffled = [...items];
      for (let last = shuffled.length - 1; last > 0; last -= 1) {
        const other = int(0, last);
        const held = itemAt(shuffled, last);
        shuffled[last] = itemAt(shuffled, other);
        shuffled[other] = held;
      }
      return shuffled;
    },
  };
}

/** Where a seed is said: the context of a test has it. */
interface Diagnostic {
  diagnostic(message: string): void;
}

/** SWITCHBOARD_SEED if set, else a new one; said through `test`, so that it can be repeated. */
export function testSeed(test: Diagnostic): number {
  const text = process.env['SWITCHBOARD_SEED'] ?? '';
  const seed = text === '' ? Math.floor(Math.random() * 2 ** 31) : Number(text);
  if (!Number.isSafeInteger(seed)) throw new RangeError('SWITCHBOARD_SEED is no whole number');
  test.diagnostic(`seed ${seed}; SWITCHBOARD_SEED=${seed} repeats it`);
  return seed;
}

function itemAt<T>(items: readonly T[], index: number): T {
  // The callers' indexes are within bounds; `T` itself may include undefined.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return items[index] as T;
}
