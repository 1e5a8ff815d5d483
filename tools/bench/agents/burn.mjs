import { defineTool } from '@switchboard/agent';

/** Computes for as long as it is told, in a thread of its own. */
export const burn = defineTool({
  name: 'burn',
  description: 'Computes for a while.',
  input: {
    '~standard': {
      version: 1,
      vendor: 'bench',
      validate: (value) => ({ value }),
      jsonSchema: { input: () => ({ type: 'object' }), output: () => ({ type: 'object' }) },
    },
  },
  isolated: true,
  sideEffects: false,
  run({ ms }) {
    const untilMs = performance.now() + ms;
    let rounds = 0;
    while (performance.now() < untilMs) rounds += 1;
    return `${rounds} rounds`;
  },
});
