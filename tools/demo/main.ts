/** `npm run demo`: the same users against a pool of one slot and against a bounded pool. */
import { runCommand, stopOnSignals } from '@switchboard/command-line';
import { ProcessStartError } from '@switchboard/stack';

import { USAGE, readOptions } from './options.ts';
import type { DemoOptions } from './options.ts';
import { count, describePlan, duration, planDemo, seconds } from './plan.ts';
import type { Half, Plan } from './plan.ts';
import { Pools } from './pools.ts';
import type { Output } from './progress.ts';
import { problems, resultJson } from './result.ts';
import type { DemoResult } from './result.ts';
import { runHalf } from './run-half.ts';
import type { HalfResult } from './run-half.ts';
import { resultTable } from './table.ts';
import { Users } from './users.ts';

async function demo(options: DemoOptions, plan: Plan, output: Output): Promise<DemoResult> {
  output.write(`${describePlan(plan, options)}\n`);
  const pools = await Pools.start(plan);
  const run = async (half: Half): Promise<HalfResult> => {
    await pools.usePool(half);
    const users = new Users(pools.stack.url);
    await checkPath(users);
    output.write(
      `\n${half.title}: ${count(half.slots, 'slot')}, about ${duration(half.idealSeconds)}\n\n`,
    );
    const { thinkSeconds, users: userCount } = options;
    return await runHalf(half, {
      users,
      simulator: pools.simulator,
      userCount,
      thinkSeconds,
      output,
    });
  };
  try {
    const before = plan.before === undefined ? undefined : await run(plan.before);
    return { plan, options, before, after: await run(plan.after) };
  } finally {
    await pools.stack.stop();
  }
}

/** One short chat, so that a broken path is said at once and new processes are warm. */
async function checkPath(users: Users): Promise<void> {
  const failure = await users.chat(0, { model: 'sim/tokens=1', timeoutMs: 20_000 });
  if (failure !== undefined) throw new Error(`A first chat got no answer: ${failure}.`);
}

/** Writes the result; the exit code says whether it is as good as it must be. */
function report(result: DemoResult, output: Output): number {
  const found = problems(result);
  output.write(`\n${resultTable(result)}\n\n`);
  if (found.length > 0) output.write(`${found.join('\n')}\n`);
  else output.write(`${verdict(result)}\n`);
  if (result.options.json) process.stdout.write(`${JSON.stringify(resultJson(result))}\n`);
  return found.length > 0 ? 1 : 0;
}

function verdict({ after, before, plan }: DemoResult): string {
  const ideal = `ideal is ${seconds(plan.after.idealSeconds)}`;
  const took = `everybody had the answer after ${after.totalSeconds.toFixed(2)} s (${ideal})`;
  if (before === undefined) return `With ${count(plan.after.slots, 'slot')} ${took}.`;
  return (
    `With ${count(plan.after.slots, 'slot')} ${took}, ` +
    `instead of ${before.totalSeconds.toFixed(2)} s with one.`
  );
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  const plan = planDemo(options);
  const output = options.json ? process.stderr : process.stdout;
  stopOnSignals();
  return report(await demo(options, plan, output), output);
}

await runCommand(main, {
  usage: USAGE,
  explain: (error) => {
    const message = error instanceof Error ? error.message : String(error);
    return error instanceof ProcessStartError ? message : `The demo failed: ${message}`;
  },
});
