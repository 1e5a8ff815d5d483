import { readFlags, UsageError } from '@switchboard/command-line';

export interface BenchOptions {
  /** Run only this figure. */
  readonly only: string | undefined;
  /** Leave out what takes long, and measure the rest a little shorter. */
  readonly quick: boolean;
  /** Also measure a request after ten idle minutes. */
  readonly long: boolean;
  /** End with one JSON object on stdout. */
  readonly json: boolean;
  /** Write CPU profiles of gateways and workers. */
  readonly profile: boolean;
}

/** The help text, with the figures there are. */
export function usage(figures: readonly { readonly name: string; readonly about: string }[]) {
  const list = figures.map(({ about, name }) => `  ${name.padEnd(12)} ${about}`).join('\n');
  return `Usage: npm run bench -- [options]

Measures Switchboard on this machine, against the built-in simulator, and compares the numbers with
their bounds. Exits with 1 when a bound is missed. Results are also kept in .data/bench/.

  --only <name>   only one figure
  --quick         shorter, and without the runs of 10 s a request
  --long          also a request after 10 idle minutes
  --profile       write CPU profiles of gateways and workers to .data/bench/profiles
  --json          end with one JSON object on stdout; everything else goes to stderr
  --help          this text

Figures:
${list}
`;
}

const FLAGS = {
  only: 'string',
  quick: 'boolean',
  long: 'boolean',
  profile: 'boolean',
  json: 'boolean',
} as const;

/** Reads the command line; 'help' when that is what was asked for. Throws UsageError. */
export function readOptions(
  argv: readonly string[],
  figureNames: readonly string[],
): BenchOptions | 'help' {
  const values = readFlags(argv, FLAGS);
  if (values === 'help') return 'help';
  const { only } = values;
  if (only !== undefined && !figureNames.includes(only)) {
    throw new UsageError(`--only must be one of ${figureNames.join(', ')}.`);
  }
  return {
    only,
    quick: values.quick ?? false,
    long: values.long ?? false,
    json: values.json ?? false,
    profile: values.profile ?? false,
  };
}
