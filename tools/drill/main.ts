/** `npm run drill`: the whole system while its processes come and go, and what callers saw. */
import { runCommand, stopOnSignals } from '@switchboard/command-line';
import { ProcessStartError } from '@switchboard/stack';

import { killDrill } from './kill-drill.ts';
import { readOptions, USAGE } from './options.ts';
import { restartDrill } from './restart-drill.ts';
import { table } from './result.ts';

const VIOLATIONS_SHOWN = 20;

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
  say(`${options.drill} drill, seed ${options.seed}`);
  const drill = options.drill === 'restart' ? restartDrill : killDrill;
  const result = await drill(options, say);
  const { violations } = result;
  output.write(`\n${table(result)}\n\n`);
  for (const violation of violations.slice(0, VIOLATIONS_SHOWN)) output.write(`${violation}\n`);
  output.write(violations.length === 0 ? 'PASS\n' : `FAIL: ${violations.length} violations\n`);
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  return violations.length === 0 ? 0 : 1;
}

await runCommand(main, {
  usage: USAGE,
  explain: (error) => {
    if (error instanceof ProcessStartError) return error.message;
    return `The drill failed: ${error instanceof Error ? error.stack : String(error)}`;
  },
});
