import { parseArgs } from 'node:util';
import { PRIORITIES } from '@switchboard/contract';
import type { Priority } from '@switchboard/contract';
import { SCOPES } from '../accounts/caller.ts';
import type { Scope } from '../accounts/caller.ts';
import { KeyLimits, KeyName, KeyTenant, KeyUser } from '../accounts/key-file.ts';
import type { StoredKey } from '../accounts/key-file.ts';

/** Wrong usage. The message is one sentence for the person who typed it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What a new key is to be, besides its name. */
export interface NewKey {
  readonly user?: string;
  readonly tenant?: string;
  readonly scopes?: Scope[];
  readonly priority?: Priority;
  readonly limits?: NonNullable<StoredKey['limits']>;
  /** Milliseconds from now. */
  readonly lifetimeMs?: number;
}

export type Command =
  | { readonly kind: 'add'; readonly name: string; readonly key: NewKey; readonly quiet: boolean }
  | { readonly kind: 'list'; readonly json: boolean }
  | { readonly kind: 'disable' | 'enable' | 'remove'; readonly name: string };

export interface CommandLine {
  readonly command: Command;
  /** Undefined: what KEYS_FILE says. */
  readonly file: string | undefined;
}

export const USAGE = `Usage: npm run keys -- <command> [options]

The API keys of the gateway. The file holds the SHA-256 of each key, never a key itself. Gateways
read it again within a second or two of a change.

  add NAME        make a key and show it, this once
  list            all keys: who, what they may do, until when; never a key or a hash
  disable NAME    refuse the key from now on
  enable NAME     accept it again
  remove NAME     forget it

For add:
  --user USER             whose requests and stored responses they are (default: the name)
  --tenant TENANT         the user's tenant (default: default)
  --scope SCOPE           ${SCOPES.join(', ')}; several times, or with commas (default: api)
  --expires TIME          90m, 12h, 30d (default: never)
  --priority PRIORITY     ${PRIORITIES.join(' or ')} (default: normal)
  --outstanding N         requests queued and running at once
  --rpm N                 requests a minute
  --tpm N                 tokens a minute
  --tokens-per-day N      tokens a day
  --quiet                 only the key on stdout

  --file FILE     the key file (default: KEYS_FILE, else keys.json); add makes it
  --json          for list: one JSON object on stdout
  --help          this text

Exits with 2 on wrong usage and with 1 when the file cannot be read or written.
`;

const TEXT = { type: 'string' } as const;
const SWITCH = { type: 'boolean' } as const;
const ADD_FLAGS = {
  user: TEXT,
  tenant: TEXT,
  scope: { type: 'string', multiple: true },
  expires: TEXT,
  priority: TEXT,
  outstanding: TEXT,
  rpm: TEXT,
  tpm: TEXT,
  'tokens-per-day': TEXT,
  quiet: SWITCH,
} as const;
const FLAGS = {
  ...ADD_FLAGS,
  file: TEXT,
  json: SWITCH,
  help: { type: 'boolean', short: 'h' },
} as const;

type Flags = ReturnType<typeof parseArgs<{ options: typeof FLAGS }>>['values'];

const COMMANDS = ['add', 'list', 'disable', 'enable', 'remove'] as const;
const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const LIFETIME_MAX_MS = 3_650 * 86_400_000;

/** Reads the command line; 'help' when that is what was asked for. @throws UsageError */
export function readCommandLine(argv: readonly string[]): CommandLine | 'help' {
  const { flags, words } = parse(argv);
  if (flags.help === true) return 'help';
  const [first, ...names] = words;
  const kind = COMMANDS.find((known) => known === first);
  if (kind === undefined)
    throw new UsageError(`The command must be one of ${COMMANDS.join(', ')}.`);
  if (flags.json === true && kind !== 'list') throw new UsageError('--json is for list only.');
  const foreign = Object.keys(ADD_FLAGS).find((flag) => flags[flag as keyof Flags] !== undefined);
  if (foreign !== undefined && kind !== 'add') {
    throw new UsageError(`--${foreign} is for add only.`);
  }
  if (flags.file === '') throw new UsageError('--file needs a path.');
  return { command: commandOf(kind, names, flags), file: flags.file };
}

function parse(argv: readonly string[]): { flags: Flags; words: readonly string[] } {
  try {
    const read = parseArgs({ args: [...argv], options: FLAGS, allowPositionals: true });
    return { flags: read.values, words: read.positionals };
  } catch (thrown) {
    // The first sentence names the flag; the rest is advice about dashes.
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const sentence = message.split(/\. |\n/)[0] ?? message;
    throw new UsageError(`${sentence.replace(/\.$/, '')}.`, { cause: thrown });
  }
}

function commandOf(
  kind: (typeof COMMANDS)[number],
  names: readonly string[],
  flags: Flags,
): Command {
  const [name] = names;
  if (kind === 'list') {
    if (name !== undefined) throw new UsageError('list takes no name: it shows all.');
    return { kind, json: flags.json === true };
  }
  if (name === undefined) throw new UsageError(`${kind} needs the name of a key.`);
  if (names.length > 1) throw new UsageError(`${kind} takes one name.`);
  if (kind !== 'add') return { kind, name };
  check(KeyName, 'The name', name);
  return { kind, name, key: newKeyOf(flags), quiet: flags.quiet === true };
}

function newKeyOf(flags: Flags): NewKey {
  const { user, tenant, scope, expires, priority } = flags;
  if (user !== undefined) check(KeyUser, '--user', user);
  if (tenant !== undefined) check(KeyTenant, '--tenant', tenant);
  const limits = limitsOf(flags);
  return {
    ...(user === undefined ? {} : { user }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(scope === undefined ? {} : { scopes: scopesOf(scope) }),
    ...(priority === undefined ? {} : { priority: oneOf(PRIORITIES, '--priority', priority) }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...(expires === undefined ? {} : { lifetimeMs: lifetimeOf(expires) }),
  };
}

function limitsOf(flags: Flags): NonNullable<StoredKey['limits']> {
  const given = [
    ['outstanding', '--outstanding', flags.outstanding],
    ['requestsPerMinute', '--rpm', flags.rpm],
    ['tokensPerMinute', '--tpm', flags.tpm],
    ['tokensPerDay', '--tokens-per-day', flags['tokens-per-day']],
  ] as const;
  const limits = given.flatMap(([field, flag, text]) => {
    if (text === undefined) return [];
    const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    check(KeyLimits.shape[field], flag, number, 'must be a whole number in its range');
    return [[field, number] as const];
  });
  return Object.fromEntries(limits);
}

function scopesOf(given: readonly string[]): Scope[] {
  const words = given.flatMap((text) => text.split(',')).map((word) => word.trim());
  return [...new Set(words.map((word) => oneOf(SCOPES, '--scope', word)))];
}

function lifetimeOf(text: string): number {
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const lifetimeMs = Number(count) * (UNITS_MS[unit ?? ''] ?? Number.NaN);
  if (lifetimeMs > 0 && lifetimeMs <= LIFETIME_MAX_MS) return lifetimeMs;
  throw new UsageError('--expires must be like 90m, 12h or 30d, at most 3650d.');
}

function oneOf<V extends string>(values: readonly V[], flag: string, text: string): V {
  const found = values.find((value) => value === text);
  if (found !== undefined) return found;
  throw new UsageError(`${flag} must be one of ${values.join(', ')}.`);
}

interface Schema {
  safeParse(value: unknown): {
    readonly success: boolean;
    readonly error?: { readonly issues: readonly { readonly message: string }[] } | undefined;
  };
}

function check(schema: Schema, what: string, value: unknown, message?: string): void {
  const { success, error } = schema.safeParse(value);
  if (success) return;
  throw new UsageError(`${what} ${message ?? error?.issues[0]?.message ?? 'is wrong'}.`);
}
