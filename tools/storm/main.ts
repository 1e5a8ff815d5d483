/** `npm run storm`: a seeded storm against the whole system, and whether it kept its promises. */
import { runTrial } from '@switchboard/command-line';
import { ProcessStartError } from '@switchboard/stack';

import { readOptions, USAGE } from './options.ts';
import { table } from './report.ts';
import { Storm } from './storm.ts';
import { problems } from './verdict.ts';

await runTrial({
  usage: USAGE,
  read: readOptions,
  title: ({ seed }) => `seed ${seed}`,
  run: async (options, say) => await new Storm(options, say).run(),
  table,
  problems,
  expected: [ProcessStartError],
});
