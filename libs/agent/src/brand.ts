/**
 * How the worker knows what a module exports: by a mark from the global symbol registry, so that a
 * module's copy of this package and the worker's agree. The number is the format's version.
 */
const VERSION = 1;

export type Kind = 'agent' | 'tool' | 'agent-error' | 'tool-error';

/** `value` itself, marked. The mark is not enumerable: a spread copy is no definition. */
export function branded<T extends object>(kind: Kind, value: T): T {
  return Object.defineProperty(value, markOf(kind), { value: VERSION });
}

export function isBranded(kind: Kind, value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && Reflect.get(value, markOf(kind)) === VERSION
  );
}

function markOf(kind: Kind): symbol {
  return Symbol.for(`switchboard.${kind}`);
}
