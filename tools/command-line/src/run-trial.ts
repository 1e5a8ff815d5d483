import { runCommand, stopOnSignals } from './run-command.ts';

/** Says a line of progress. */
export type Say = (line: string) => void;

/** A command that tries the system out and ends with a table and a verdict. */
export interface Trial<Options extends { readonly json: boolean }, Result> {
  readonly usage: string;
  /** @throws UsageError */
  readonly read: (argv: readonly string[]) => Options | 'help';
  /** The first line, which says how to have it again. */
  readonly title: (options: Options) => string;
  readonly run: (options: Options, say: Say) => Promise<Result>;
  readonly table: (result: Result) => string;
  /** Why it does not pass; empty when it does. */
  readonly problems: (result: Result) => readonly string[];
  /** Errors whose message says enough; of others the stack is printed. */
  readonly expected: readonly (new (...values: never[]) => Error)[];
}

const PROBLEMS_SHOWN = 20;

/** Runs a trial to its end. The exit code is 1 when it does not pass; see also `runCommand`. */
export async function runTrial<Options extends { readonly json: boolean }, Result>(
  trial: Trial<Options, Result>,
): Promise<void> {
  const { expected, usage } = trial;
  await runCommand(async () => await tryOut(trial), {
    usage,
    explain: (error) => {
      if (!(error instanceof Error)) return `It failed: ${String(error)}`;
      const known = expected.some((each) => error instanceof each);
      return known ? error.message : `It failed: ${error.stack}`;
    },
  });
}

async function tryOut<Options extends { readonly json: boolean }, Result>(
  trial: Trial<Options, Result>,
): Promise<number> {
  const options = trial.read(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(trial.usage);
    return 0;
  }
  const output = options.json ? process.stderr : process.stdout;
  const startedAtMs = performance.now();
  const say = (line: string): void => {
    const seconds = Math.floor((performance.now() - startedAtMs) / 1_000);
    output.write(`${String(seconds).padStart(5)} s  ${line}\n`);
  };
  stopOnSignals();
  say(trial.title(options));
  const result = await trial.run(options, say);
  const problems = trial.problems(result);
  output.write(`\n${trial.table(result)}\n\n`);
  for (const problem of problems.slice(0, PROBLEMS_SHOWN)) output.write(`${problem}\n`);
  output.write(problems.length === 0 ? 'PASS\n' : `FAIL: ${problems.length} in all\n`);
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  return problems.length === 0 ? 0 : 1;
}
