import type { SeededRandom } from '@switchboard/testkit';

/** As much of JSON Schema as the OpenAPI document of the gateway uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
}

const DEPTH_MAX = 6;

/** A value that the schema allows, or nearly. */
export function sampleOf(
  schema: Schema,
  all: Readonly<Record<string, Schema>>,
  random: SeededRandom,
  depth = 0,
): unknown {
  if (depth > DEPTH_MAX) return null;
  const next = (inner: Schema): unknown => sampleOf(inner, all, random, depth + 1);
  if (schema.$ref !== undefined) {
    const named = all[schema.$ref.split('/').at(-1) ?? ''];
    return named === undefined ? null : next(named);
  }
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined && schema.enum.length > 0) return random.pick(schema.enum);
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (choices !== undefined && choices.length > 0) return next(random.pick(choices));
  const [type = 'string'] = [schema.type].flat();
  switch (type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? { any: {} }).map(([name, of]) => [name, next(of)]),
      );
    case 'array':
      return Array.from({ length: random.int(0, 3) }, () => next(schema.items ?? {}));
    case 'integer':
    case 'number':
      return random.pick([schema.minimum ?? -1, schema.maximum ?? 2 ** 53, 0, 1, 0.5]);
    case 'boolean':
      return random.pick([true, false]);
    case 'null':
      return null;
    default:
      return 'x'.repeat(random.pick([0, schema.minLength ?? 1, 20]));
  }
}
