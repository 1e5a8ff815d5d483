/** The file of API keys: who has which, by the SHA-256 of each. */
import { z } from 'zod';
import { PRIORITIES } from '@switchboard/contract';
import { SCOPES } from './caller.ts';

/** A larger file is a mistake (bytes). */
export const KEY_FILE_MAX_BYTES = 4 * 1_024 * 1_024;
const KEYS_MAX = 10_000;
/** Problems shown of one file: a file of another kind would have thousands. */
const PROBLEMS_MAX = 20;

/** A whole number that a limit may be. */
const limit = (max: number) => z.int().min(1).max(max).optional();
/** What people are called: no control characters, nothing around it. */
const called = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[^\p{C}\s](?:[^\p{C}]*[^\p{C}\s])?$/u, 'must be text without control characters');
const token = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, 'must be 1 to 64 of A-Z a-z 0-9 . _ @ -');
const moment = z.iso.datetime({ offset: true, error: 'must be a time like 2027-01-31T12:00:00Z' });

/** A key's name. One that looks like a key is most likely one, and names are shown. */
export const KeyName = token.refine(
  (name) => !/^(sk-|eyj|[0-9a-f]{32,}$)/i.test(name),
  'must not look like a key',
);
export const KeyUser = called(255);
export const KeyTenant = token;
export const KeyScopes = z.array(z.enum(SCOPES)).min(1).max(SCOPES.length);
export const KeyLimits = z.strictObject({
  outstanding: limit(65_536),
  requestsPerMinute: limit(1_000_000_000),
  tokensPerMinute: limit(1_000_000_000_000),
  tokensPerDay: limit(1_000_000_000_000),
});

export const KeyEntry = z.strictObject({
  name: KeyName,
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in 64 lower-case hex digits'),
  /** Who the key's requests and stored responses are of; else the key's name. */
  user: KeyUser.optional(),
  tenant: KeyTenant.default('default'),
  scopes: KeyScopes.default(['api']),
  priority: z.enum(PRIORITIES).default('normal'),
  limits: KeyLimits.default({}),
  createdAt: moment,
  expiresAt: moment.optional(),
  disabled: z.boolean().default(false),
});
export type KeyEntry = z.output<typeof KeyEntry>;
/** An entry as it stands in the file. */
export type StoredKey = z.input<typeof KeyEntry>;

const KeyFile = z.strictObject({ keys: z.array(KeyEntry).max(KEYS_MAX) });

export type KeyFileReading =
  | { readonly entries: readonly KeyEntry[]; readonly stored: readonly StoredKey[] }
  | { readonly problems: readonly string[] };

/**
 * Reads the text of a key file. Problems name the entry by its name (by its place when the name is
 * at fault) and the field; none of them repeats a hash, a key or other text of the file.
 */
export function readKeyFile(text: string): KeyFileReading {
  const json = parseJson(text);
  if ('problem' in json) return { problems: [json.problem] };
  const parsed = KeyFile.safeParse(json.value);
  const problems = parsed.success
    ? repeats(parsed.data.keys)
    : parsed.error.issues.flatMap((issue) => issueLines(issue, json.value));
  if (!parsed.success || problems.length > 0) return { problems: someOf(problems) };
  const { keys } = json.value as { keys: readonly StoredKey[] };
  return { entries: parsed.data.keys, stored: keys };
}

function parseJson(text: string): { value: unknown } | { problem: string } {
  try {
    return { value: JSON.parse(text.replace(/^\uFEFF/, '')) };
  } catch (thrown) {
    // The message quotes the file around the mistake; only the place is told.
    const place = /line \d+ column \d+/.exec(thrown instanceof Error ? thrown.message : '')?.[0];
    return { problem: `the file is not valid JSON${place === undefined ? '' : `, ${place}`}` };
  }
}

function repeats(entries: readonly KeyEntry[]): string[] {
  const names = new Set<string>();
  const hashes = new Map<string, string>();
  return entries.flatMap(({ name, sha256 }) => {
    const problems = [];
    if (names.has(name)) problems.push(`key "${name}": the name is not unique`);
    const other = hashes.get(sha256);
    if (other !== undefined) problems.push(`key "${name}": is the same key as "${other}"`);
    names.add(name);
    hashes.set(sha256, name);
    return problems;
  });
}

function issueLines(issue: z.core.$ZodIssue, file: unknown): string[] {
  const [top, index, ...field] = issue.path;
  const place = top === 'keys' && typeof index === 'number' ? [entryText(index, file)] : [];
  const path = field.map(String).join('.');
  const where = path === '' ? place : [...place, path];
  if (issue.code !== 'unrecognized_keys') {
    // Only a fault of the list itself has no entry to name.
    const subject = where.length === 0 && top !== undefined ? [String(top)] : where;
    return [[...subject, issue.message].join(': ')];
  }
  return issue.keys.map((key) => [...where, `unknown field ${fieldText(key)}`].join(': '));
}

function entryText(index: number, file: unknown): string {
  const { keys } = file as { keys: readonly unknown[] };
  const entry = keys[index];
  const name = typeof entry === 'object' && entry !== null && 'name' in entry ? entry.name : '';
  return KeyName.safeParse(name).success ? `key "${String(name)}"` : `keys[${index}]`;
}

/** A field's name as far as it cannot be a key that was put in the wrong place. */
function fieldText(name: string): string {
  return /^[A-Za-z_]{1,32}$/.test(name) ? `"${name}"` : '(not shown)';
}

function someOf(problems: readonly string[]): readonly string[] {
  const more = problems.length - PROBLEMS_MAX;
  return more > 0 ? [...problems.slice(0, PROBLEMS_MAX), `and ${more} more`] : problems;
}
