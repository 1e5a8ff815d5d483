/**
 * Schemas whose size is checked before their contents are: a body of two million wrong elements
 * must not become two million error reports.
 */
import { z } from 'zod';

/** An array of `min` to `max` elements. */
export function boundedArray<T extends z.ZodType>(element: T, max: number, min = 0) {
  return z.array(z.unknown()).min(min).max(max).pipe(z.array(element));
}

/** An object with at most `max` entries, all of one kind. */
export function boundedRecord<T extends z.ZodType>(value: T, max: number) {
  const error = `must have at most ${max} entries`;
  return z
    .looseObject({})
    .refine((record) => Object.keys(record).length <= max, { error, abort: true })
    .pipe(z.record(z.string(), value));
}

/**
 * One of several objects, told apart by the field `key`; a wrong `key` is answered with the list.
 */
export function variants<const Options extends readonly [Variant, ...Variant[]]>(
  key: string,
  names: readonly string[],
  options: Options,
) {
  const list = names.map((name) => JSON.stringify(name)).join(', ');
  return z.discriminatedUnion(key, options, {
    error: (issue) => (issue.code === 'invalid_union' ? `must be one of ${list}` : undefined),
  });
}

type Variant = Parameters<typeof z.discriminatedUnion>[1][number];
