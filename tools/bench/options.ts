import { readFlags, UsageError } from '@switchboard/command-line';

export interface BenchOptions {
  /** Run only these figures. */
  readonly only: readonly string[] | undefined;
  /** nats-servers, each of which keeps everything. With more than one no bound is checked. */
  readonly replicas: 1 | 3;
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

  --only <names>  only these figures, separated by commas
  --replicas <n>  1 nats-server (default), or 3 with a replica of everything on each; then numbers
                  are only reported, because the bounds are those of one
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
  replicas: 'string',
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
  const { replicas = '1' } = values;
  const only = values.only?.split(',');
  if (only?.every((name) => figureNames.includes(name)) === false) {
    throw new UsageError(`--only takes names of ${figureNames.join(', ')}.`);
  }
  if (replicas !== '1' && replicas !== '3') throw new UsageError('--replicas must be 1 or 3.');
  return {
    only,
    replicas: replicas === '1' ? 1 : 3,
    quick: values.quick ?? false,
    long: values.long ?? false,
    json: values.json ?? false,
    profile: values.profile ?? false,
  };
}
