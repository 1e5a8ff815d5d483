/** `npm run storm`: a seeded storm against the whole system, and whether it kept its promises. */
import { runCommand, stopOnSignals } from '@switchboard/command-line';
import { ProcessStartError } from '@switchboard/stack';

import { USAGE, readOptions } from './options.ts';
import { table } from './report.ts';
import { Storm } from './storm.ts';
import { problems } from './verdict.ts';

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
  stopOnSignals();
  say(`seed ${options.seed}`);
  const result = await new Storm(options, say).run();
  const found = problems(result);
  output.write(
    `\n${table(result)}\n\n${found.length === 0 ? 'PASS' : `FAIL: ${found.join('; ')}`}\n`,
  );
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  return found.length === 0 ? 0 : 1;
}

await runCommand(main, {
  usage: USAGE,
  explain: (error) => {
    if (error instanceof ProcessStartError) return error.message;
    return `The storm failed: ${error instanceof Error ? error.stack : String(error)}`;
  },
});
