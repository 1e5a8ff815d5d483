/** The text of a script, cut into its keys and their values. */

/** A script that cannot be read. The message names the key and is fit to be shown to the caller. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError';
}

export const LENGTH_MAX = 1_000;
/** An hour. */
export const WAIT_MAX_MS = 3_600_000;

const KEYS = [
  'think',
  'tokens',
  'pace',
  'jitter',
  'seed',
  'text',
  'tool',
  'always',
  'call_id',
  'args',
  'reasoning',
  'error',
  'retry_after',
  'times',
  'cut',
  'stall',
  'hang',
  'malformed',
  'error_chunk',
  'status_html',
  'finish',
] as const;
export type Key = (typeof KEYS)[number];
export type Values = ReadonlyMap<Key, string>;

/** @throws {ScriptError} naming an unknown key, or one that is empty or given twice. */
export function readPairs(source: string): Values {
  if (source.length > LENGTH_MAX) throw tooLong();
  const values = new Map<Key, string>();
  for (const pair of splitPairs(source)) {
    const equals = pair.indexOf('=');
    const name = (equals < 0 ? pair : pair.slice(0, equals)).trim();
    const key = KEYS.find((known) => known === name);
    if (key === undefined) {
      throw new ScriptError(`unknown key ${JSON.stringify(name)}; known are ${KEYS.join(', ')}`);
    }
    const value = equals < 0 ? '' : pair.slice(equals + 1).trim();
    if (value === '') throw new ScriptError(`${key} has no value`);
    if (values.has(key)) throw new ScriptError(`${key} is given twice`);
    values.set(key, value);
  }
  return values;
}

/** Splits at commas, but not at those inside a JSON object that is a value. */
function splitPairs(source: string): readonly string[] {
  const pairs: string[] = [];
  let [begin, depth, quoted] = [0, 0, false];
  for (let index = 0; index < source.length; index += 1) {
    const character = source[index];
    if (depth > 0 && quoted) {
      if (character === '\\') index += 1;
      else if (character === '"') quoted = false;
    } else if (depth > 0 && character === '"') quoted = true;
    else if (character === '{') depth += 1;
    else if (character === '}') depth = Math.max(0, depth - 1);
    else if (character === ',' && depth === 0) {
      pairs.push(source.slice(begin, index));
      begin = index + 1;
    }
  }
  return [...pairs, source.slice(begin)];
}

/** Milliseconds. */
export function duration(values: Values, key: Key): number | undefined {
  const value = values.get(key);
  if (value === undefined) return undefined;
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(value) ?? [];
  const ms = Number(digits) * (unit === 's' ? 1_000 : 1);
  if (!(ms <= WAIT_MAX_MS)) throw bad(key, value, 'a time such as 300, 300ms or 2s, at most 3600s');
  return ms;
}

export function wholeNumber(values: Values, key: Key, max: number): number | undefined {
  const value = values.get(key);
  if (value === undefined) return undefined;
  const number = /^\d+$/.test(value) ? Number(value) : NaN;
  if (!(number <= max)) throw bad(key, value, `a whole number from 0 to ${max}`);
  return number;
}

export function decimal(values: Values, key: Key, max: number): number | undefined {
  const value = values.get(key);
  if (value === undefined) return undefined;
  const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : NaN;
  if (!(number <= max)) throw bad(key, value, `a number from 0 to ${max}`);
  return number;
}

export function oneOf<const Choice extends string | number>(
  values: Values,
  key: Key,
  choices: readonly Choice[],
): Choice | undefined {
  const value = values.get(key);
  if (value === undefined) return undefined;
  const choice = choices.find((candidate) => String(candidate) === value);
  if (choice === undefined) throw bad(key, value, `one of ${choices.join(', ')}`);
  return choice;
}

export function bad(key: Key, value: string, expected: string): ScriptError {
  return new ScriptError(`${key} must be ${expected}, not ${JSON.stringify(value)}`);
}

export function tooLong(): ScriptError {
  return new ScriptError(`a script has at most ${LENGTH_MAX} characters`);
}
