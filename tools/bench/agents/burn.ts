import { defineTool } from '@switchboard/agent';
import type { Schema } from '@switchboard/agent';

/** Only the simulator calls it. */
const anything: Schema<{ readonly ms: number }> = {
  '~standard': {
    version: 1,
    vendor: 'bench',
    validate: (value) => ({ value: value as { readonly ms: number } }),
    jsonSchema: { input: () => ({ type: 'object' }) },
  },
};

/** Computes for as long as it is told, in a thread of its own. */
export const burn = defineTool({
  name: 'burn',
  description: 'Computes for a while.',
  input: anything,
  isolated: true,
  sideEffects: false,
  run({ ms }) {
    const untilMs = performance.now() + ms;
    let rounds = 0;
    while (performance.now() < untilMs) rounds += 1;
    return `${rounds} rounds`;
  },
});
