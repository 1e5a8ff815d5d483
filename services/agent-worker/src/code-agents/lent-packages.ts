import { registerHooks } from 'node:module';

/** What a module without packages of its own may import all the same. */
const LENT = ['@switchboard/agent', 'zod'];

let lent = false;

/**
 * Lets a single file in AGENTS_DIR import the agent package and Zod, which the worker has. A module
 * that has its own copy gets that one. Idempotent, for the whole process.
 */
export function lendPackages(): void {
  if (lent) return;
  lent = true;
  registerHooks({
    resolve(specifier, context, nextResolve) {
      if (!LENT.includes(specifier)) return nextResolve(specifier, context);
      try {
        return nextResolve(specifier, context);
      } catch {
        // Not found from there. From here it is found.
        return nextResolve(specifier, { ...context, parentURL: import.meta.url });
      }
    },
  });
}
