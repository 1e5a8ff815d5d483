import { fields } from './chat-request.ts';

const DEPTH_MAX = 8;
/** Values in one sample. A schema that refers to itself would give samples without an end. */
const VALUES_MAX = 500;

/** Arguments, as JSON, that roughly fit a JSON schema: types, choices, nesting and `$ref`. */
export function sampleArguments(schema: unknown): string {
  const sample = new Sampler(schema).sample(schema, 0);
  // A function without declared parameters is called with none.
  return JSON.stringify(fields(sample) ?? {}, null, 1);
}

class Sampler {
  readonly #root: unknown;
  #left = VALUES_MAX;

  constructor(root: unknown) {
    this.#root = root;
  }

  sample(given: unknown, depth: number): unknown {
    const schema = this.#resolve(given);
    this.#left -= 1;
    if (depth > DEPTH_MAX || this.#left < 0) return null;
    if ('const' in schema) return schema['const'];
    const choices = schema['enum'];
    if (Array.isArray(choices)) return choices[0];
    if ('default' in schema) return schema['default'];
    for (const key of ['anyOf', 'oneOf', 'allOf']) {
      const variants = schema[key];
      if (Array.isArray(variants)) return this.sample(variants[0], depth + 1);
    }
    return this.#byType(schema, depth);
  }

  #byType(schema: Schema, depth: number): unknown {
    switch (typeOf(schema)) {
      case 'number':
      case 'integer':
        return typeof schema['minimum'] === 'number' ? schema['minimum'] : 1;
      case 'boolean':
        return true;
      case 'null':
        return null;
      case 'array':
        return schema['items'] === undefined ? [] : [this.sample(schema['items'], depth + 1)];
      case 'object':
        return this.#object(schema, depth);
      default:
        return 'simulated value';
    }
  }

  /** All properties, so far as there is room: strict functions require every one. */
  #object(schema: Schema, depth: number): object {
    const properties = Object.entries(fields(schema['properties']) ?? {});
    const sampled: [string, unknown][] = [];
    for (const [name, property] of properties) {
      if (this.#left <= 0) break;
      sampled.push([name, this.sample(property, depth + 1)]);
    }
    return Object.fromEntries(sampled);
  }

  /** The schema that a local `$ref` names; what cannot be found allows anything. */
  #resolve(given: unknown): Schema {
    let schema = fields(given) ?? {};
    for (let steps = 0; typeof schema['$ref'] === 'string' && steps < DEPTH_MAX; steps += 1) {
      const path = schema['$ref'].split('/');
      if (path.shift() !== '#') return {};
      const found = path.reduce<unknown>((at, name) => fields(at)?.[unescape(name)], this.#root);
      schema = fields(found) ?? {};
    }
    return schema;
  }
}

type Schema = Readonly<Record<string, unknown>>;

/** Of several types the first that is not null: `["string", "null"]` is an optional string. */
function typeOf(schema: Schema): unknown {
  const { type } = schema;
  if (Array.isArray(type)) return type.find((one) => one !== 'null') ?? 'null';
  return type ?? ('properties' in schema ? 'object' : undefined);
}

function unescape(name: string): string {
  return name.replaceAll('~1', '/').replaceAll('~0', '~');
}
