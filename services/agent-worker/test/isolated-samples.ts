/** What runs in threads in tests: exports of a module, as agents' modules have them. */

export function burn(input: unknown): string {
  const { ms } = input as { ms: number };
  const untilMs = performance.now() + ms;
  let rounds = 0;
  while (performance.now() < untilMs) rounds += 1;
  return `${rounds > 0}`;
}

export function spin(): never {
  for (;;) Math.random();
}

export function eat(): never {
  const eaten: number[][] = [];
  for (;;) eaten.push(Array.from({ length: 100_000 }, (_, index) => index));
}

export function leave(): void {
  process.exit(3);
}

export const definition = {
  factor: 3,
  run({ value }: { value: number }) {
    return { product: value * this.factor };
  },
};

export function told(): never {
  throw Object.assign(new Error('No such city.'), { name: 'ToolError' });
}

export function broken(): never {
  throw new TypeError('secret-4711');
}

export const huge = (): string => 'x'.repeat(10_000_000);

/** Leaves something behind that throws at the word of the test. */
export function ambush(): string {
  new BroadcastChannel('ambush').addEventListener('message', () => {
    throw new RangeError('secret-4711');
  });
  return 'laid';
}

export const never = (): Promise<never> => new Promise(() => {});

let counted = 0;
export const count = (): string => `${(counted += 1)}`;
