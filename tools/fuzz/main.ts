/** `npm run fuzz`: hostile requests against the whole system, and what it made of them. */
import { runTrial } from '@switchboard/command-line';
import { ProcessStartError } from '@switchboard/stack';
import { readOptions, USAGE } from './options.ts';
import { runFuzz, table } from './run-fuzz.ts';

await runTrial({
  usage: USAGE,
  read: readOptions,
  title: ({ requests, seed }) => `${requests} hostile requests, seed ${seed}`,
  run: runFuzz,
  table,
  problems: ({ problems }) => problems,
  expected: [ProcessStartError],
});
