/** `npm run storm`: a seeded storm against the whole system, and whether it kept its promises. */
import { ProcessStartError } from '@switchboard/stack';

import { USAGE, UsageError, readOptions } from './options.ts';
import { table } from './report.ts';
import { Storm } from './storm.ts';
import { problems } from './verdict.ts';

const INTERRUPTED_EXIT_CODE = 130;

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  const output = options.json ? process.stderr : process.stdout;
  const startedAtMs = performance.now();
  const say = (line: string): void => {
    const seconds = Math.floor((performance.now() - startedAtMs) / 1_000);
    output.write(`${String(seconds).padStart(5)} s  ${line}\n`);
  };
  // What was started dies with this process, however it ends.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(INTERRUPTED_EXIT_CODE));
  }
  say(`seed ${options.seed}`);
  const result = await new Storm(options, say).run();
  const found = problems(result);
  output.write(
    `\n${table(result)}\n\n${found.length === 0 ? 'PASS' : `FAIL: ${found.join('; ')}`}\n`,
  );
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  return found.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UsageError) process.stderr.write(`${message}\n\n${USAGE}`);
  else if (error instanceof ProcessStartError) process.stderr.write(`${message}\n`);
  else
    process.stderr.write(`The storm failed: ${error instanceof Error ? error.stack : message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
