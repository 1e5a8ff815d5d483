import { readArguments, UsageError, wholeNumber } from '@switchboard/command-line';

/** One letter by its id, or all there are. */
export type Which = number | 'all';

export type Command =
  | { readonly name: 'list' }
  | { readonly name: 'show'; readonly id: number; readonly body: boolean }
  | { readonly name: 'replay' | 'purge'; readonly which: Which };

export interface DeadLetterOptions {
  readonly command: Command;
  /** Undefined: what NATS_URL says. */
  readonly nats: string | undefined;
  /** One JSON object on stdout instead of text. */
  readonly json: boolean;
}

export const USAGE = `Usage: npm run dead-letters -- <command> [options]

Requests that were given up: their workers died again and again, or nobody could read them. They
are kept for a week.

  list               all of them, oldest first: when, why, pool, agent, request id, size
  show ID            one of them, without what was asked
  show ID --body     with the request itself, prompt included
  replay ID|--all    put back onto the queue of the pool, then removed from here
  purge ID|--all     erased

  --nats URL         NATS servers, separated by commas (default NATS_URL, or nats://127.0.0.1:4222)
  --json             one JSON object on stdout instead of text
  --help             this text

Environment: NATS_URL, NATS_USER with NATS_PASSWORD, or NATS_TOKEN, as the services have them.

A replay runs under a new run id: the old run has ended for its caller, and an end is final. It
runs to its end although nobody waits for its answer, and only once however often a letter is
replayed. When it has ended, the stored response of the old run, or the answer to its
Idempotency-Key, is that of the replay. Nothing else keeps an answer: that of a chat without a key
can be read in the event log alone, until the resume window is over.

Exits with 1 when a letter is not there or cannot be replayed, or NATS is away.
`;

const FLAGS = { all: 'boolean', body: 'boolean', nats: 'string', json: 'boolean' } as const;
const NAMES = ['list', 'show', 'replay', 'purge'] as const;

/** Reads the command line; 'help' when that is what was asked for. Throws UsageError. */
export function readOptions(argv: readonly string[]): DeadLetterOptions | 'help' {
  const read = readArguments(argv, FLAGS);
  if (read === 'help') return 'help';
  const { flags, words } = read;
  const [first, ...rest] = words;
  const name = NAMES.find((known) => known === first);
  if (name === undefined) throw new UsageError(`The command must be one of ${NAMES.join(', ')}.`);
  if (flags.body === true && name !== 'show') throw new UsageError('--body is for show only.');
  const which = readWhich(name, rest, flags.all === true);
  return {
    command: commandOf(name, which, flags.body),
    nats: flags.nats,
    json: flags.json ?? false,
  };
}

function commandOf(name: (typeof NAMES)[number], which: Which | undefined, body = false): Command {
  if (name === 'list') {
    if (which !== undefined) throw new UsageError('list takes no id: it shows all.');
    return { name };
  }
  if (which === undefined) {
    throw new UsageError(`${name} needs the id of a letter${name === 'show' ? '' : ', or --all'}.`);
  }
  if (name !== 'show') return { name, which };
  if (which === 'all') throw new UsageError('--all is for replay and purge only.');
  return { name, id: which, body };
}

function readWhich(name: string, words: readonly string[], all: boolean): Which | undefined {
  const [id] = words;
  if (words.length > 1 || (id !== undefined && all)) {
    throw new UsageError(`${name} takes one id${all ? ' or --all, not both' : ''}.`);
  }
  if (all) return 'all';
  if (id === undefined) return undefined;
  return wholeNumber('The id', id, { min: 1, max: Number.MAX_SAFE_INTEGER });
}
