/** How the text of an answer is made: see SCRIPT_HELP. */
export type TextStyle = 'chat' | 'echo' | 'lorem' | 'request';

/** A fault in place of the token after `afterTokens`, or of the end if there is no such token. */
export interface StreamFault {
  readonly kind: 'cut' | 'stall' | 'malformed' | 'error_chunk';
  readonly afterTokens: number;
}

/** What goes wrong on purpose. A script holds at most one fault. */
export type Fault =
  | StreamFault
  | { readonly kind: 'error'; readonly status: ErrorStatus; readonly retryAfterMs?: number }
  | { readonly kind: 'hang' }
  | { readonly kind: 'status_html' };

export const ERROR_STATUSES = [400, 401, 429, 500, 503] as const;
export type ErrorStatus = (typeof ERROR_STATUSES)[number];

/** How one answer behaves. */
export interface Script {
  /** The text it was read from, without the `sim/` prefix; names it in the statistics. */
  readonly source: string;
  readonly thinkMs: number;
  /** Absent: as many tokens as the text has. */
  readonly tokens?: number;
  readonly paceMs: number;
  /** Spread of each wait: `fraction` of it (0..1) plus `ms`, in both directions. */
  readonly jitter: { readonly fraction: number; readonly ms: number };
  readonly seed: number;
  readonly text: TextStyle;
  readonly tool?: string;
  readonly reasoningTokens: number;
  readonly fault?: Fault;
  /** The fault strikes only this many first attempts of a request id; Infinity: always. */
  readonly faultTimes: number;
  readonly finish?: 'stop' | 'length' | 'content_filter';
}

/** A script that cannot be read. The message names the key and is fit to be shown to the caller. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError';
}

const LENGTH_MAX = 1_000;
const TOKENS_MAX = 100_000;
const WAIT_MAX_MS = 3_600_000;
const LOREM_TOKENS = 20;

const KEYS = [
  'think',
  'tokens',
  'pace',
  'jitter',
  'seed',
  'text',
  'tool',
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
type Key = (typeof KEYS)[number];
type Values = ReadonlyMap<Key, string>;

/**
 * The script of a request: the header's if there is one, else the model name's, with or without
 * `sim/` in front. A model name without `=` is a plain name and answers like a small chat model.
 * @throws {ScriptError} naming what is wrong.
 */
export function scriptOf(model: string, header: string | undefined): Script {
  if (header !== undefined && header.trim() !== '') return parseScript(header);
  const name = model.startsWith('sim/') ? model.slice('sim/'.length) : model;
  if (name.includes('=')) return parseScript(name);
  if (name.length > LENGTH_MAX) throw tooLong();
  return { ...parseScript('think=300ms,tokens=40,pace=30ms'), text: 'chat', source: name };
}

/**
 * Reads `key=value,key=value`. What is not named is 0 or absent: an empty script answers at once.
 * @throws {ScriptError} naming the unknown key, or the key whose value is bad.
 */
export function parseScript(source: string): Script {
  const values = readPairs(source);
  const text = oneOf(values, 'text', ['lorem', 'echo', 'chat', 'request'] as const) ?? 'lorem';
  const tokens =
    wholeNumber(values, 'tokens', TOKENS_MAX) ?? (text === 'lorem' ? LOREM_TOKENS : undefined);
  const tool = values.get('tool');
  const fault = readFault(values);
  const finish = oneOf(values, 'finish', ['stop', 'length', 'content_filter'] as const);
  const times = wholeNumber(values, 'times', 1_000);
  if (times !== undefined && fault === undefined) throw new ScriptError('times needs a fault');
  return {
    source: source.trim(),
    thinkMs: duration(values, 'think') ?? 0,
    ...(tokens === undefined ? {} : { tokens }),
    paceMs: duration(values, 'pace') ?? 0,
    jitter: readJitter(values),
    seed: wholeNumber(values, 'seed', 0xffff_ffff) ?? 1,
    text,
    ...(tool === undefined ? {} : { tool }),
    reasoningTokens: wholeNumber(values, 'reasoning', TOKENS_MAX) ?? 0,
    ...(fault === undefined ? {} : { fault }),
    faultTimes: times ?? Infinity,
    ...(finish === undefined ? {} : { finish }),
  };
}

function readPairs(source: string): Values {
  if (source.length > LENGTH_MAX) throw tooLong();
  const values = new Map<Key, string>();
  for (const pair of source.split(',')) {
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

function readFault(values: Values): Fault | undefined {
  const faults: Fault[] = [];
  const status = oneOf(values, 'error', ERROR_STATUSES);
  const retryAfterSeconds = decimal(values, 'retry_after', WAIT_MAX_MS / 1_000);
  if (retryAfterSeconds !== undefined && status === undefined) {
    throw new ScriptError('retry_after needs error');
  }
  if (status !== undefined) {
    const retryAfterMs = retryAfterSeconds === undefined ? undefined : retryAfterSeconds * 1_000;
    faults.push({ kind: 'error', status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
  }
  for (const kind of ['cut', 'stall', 'malformed', 'error_chunk'] as const) {
    const afterTokens = wholeNumber(values, kind, TOKENS_MAX);
    if (afterTokens !== undefined) faults.push({ kind, afterTokens });
  }
  for (const kind of ['hang', 'status_html'] as const) {
    if (oneOf(values, kind, [0, 1] as const) === 1) faults.push({ kind });
  }
  if (faults.length > 1) {
    const kinds = faults.map((fault) => fault.kind).join(' and ');
    throw new ScriptError(`only one fault a script, not ${kinds}`);
  }
  return faults[0];
}

function readJitter(values: Values): Script['jitter'] {
  const value = values.get('jitter');
  if (value === undefined) return { fraction: 0, ms: 0 };
  if (/[a-z]$/.test(value)) return { fraction: 0, ms: duration(values, 'jitter') ?? 0 };
  return { fraction: decimal(values, 'jitter', 1) ?? 0, ms: 0 };
}

function duration(values: Values, key: Key): number | undefined {
  const value = values.get(key);
  if (value === undefined) return undefined;
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(value) ?? [];
  const ms = Number(digits) * (unit === 's' ? 1_000 : 1);
  if (!(ms <= WAIT_MAX_MS)) throw bad(key, value, 'a time such as 300, 300ms or 2s, at most 3600s');
  return ms;
}

function wholeNumber(values: Values, key: Key, max: number): number | undefined {
  const value = values.get(key);
  if (value === undefined) return undefined;
  const number = /^\d+$/.test(value) ? Number(value) : NaN;
  if (!(number <= max)) throw bad(key, value, `a whole number from 0 to ${max}`);
  return number;
}

function decimal(values: Values, key: Key, max: number): number | undefined {
  const value = values.get(key);
  if (value === undefined) return undefined;
  const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : NaN;
  if (!(number <= max)) throw bad(key, value, `a number from 0 to ${max}`);
  return number;
}

function oneOf<const Choice extends string | number>(
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

function bad(key: Key, value: string, expected: string): ScriptError {
  return new ScriptError(`${key} must be ${expected}, not ${JSON.stringify(value)}`);
}

function tooLong(): ScriptError {
  return new ScriptError(`a script has at most ${LENGTH_MAX} characters`);
}
