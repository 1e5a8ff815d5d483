import { setTimeout as delay } from 'node:timers/promises';

/** Answers do not all begin in one moment. */
const BEGIN_WITHIN_MS = 2_000;

/** One answer; `onBegun` is called when it has begun, or will not. Must not reject. */
export type OneAnswer = (place: number, turn: number, onBegun: () => void) => Promise<void>;

/**
 * Keeps `places` answers under way from when all have begun until `meanwhile` is done: who ends is
 * followed by another one. Resolves when the last ones have ended too.
 */
export async function keepUnderWay(
  places: number,
  one: OneAnswer,
  meanwhile: () => Promise<void>,
): Promise<void> {
  let going = true;
  const begun = Array.from({ length: places }, () => Promise.withResolvers<void>());
  const follow = async (place: number, onBegun: () => void): Promise<void> => {
    await delay((place / places) * BEGIN_WITHIN_MS);
    for (let turn = 0; going; turn += 1) await one(place, turn, onBegun);
  };
  const running = Promise.all(begun.map(({ resolve }, place) => follow(place, resolve)));
  await Promise.all(begun.map(({ promise }) => promise));
  await meanwhile().finally(() => (going = false));
  await running;
}
