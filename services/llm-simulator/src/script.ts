import {
  bad,
  decimal,
  duration,
  LENGTH_MAX,
  oneOf,
  readPairs,
  ScriptError,
  tooLong,
  type Values,
  WAIT_MAX_MS,
  wholeNumber,
} from './script-values.ts';

/** How the text of an answer is made: see SCRIPT_HELP. */
export const TEXT_STYLES = ['lorem', 'echo', 'chat', 'request', 'parts'] as const;
export type TextStyle = (typeof TEXT_STYLES)[number];

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
  /** The functions called: those of the first step together, then those of the second... */
  readonly tools: readonly (readonly string[])[];
  /** Calls them again and again, whatever the request says. */
  readonly alwaysCalls: boolean;
  /** Id of the first call of every answer. Absent: another one each time. */
  readonly callId?: string;
  /** JSON of the arguments of whatever function is called. Absent: made up from its schema. */
  readonly args?: string;
  readonly reasoningTokens: number;
  readonly fault?: Fault;
  /** The fault strikes only this many first attempts of a request id; Infinity: always. */
  readonly faultTimes: number;
  readonly finish?: 'stop' | 'length' | 'content_filter';
}

const TOKENS_MAX = 100_000;
const LOREM_TOKENS = 20;

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
  const text = oneOf(values, 'text', TEXT_STYLES) ?? 'lorem';
  const tokens =
    wholeNumber(values, 'tokens', TOKENS_MAX) ?? (text === 'lorem' ? LOREM_TOKENS : undefined);
  const tool = values.get('tool');
  const callId = values.get('call_id');
  const args = readArguments(values);
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
    tools: (tool?.split('>') ?? []).map((step) => step.split('+').map((name) => name.trim())),
    alwaysCalls: oneOf(values, 'always', [0, 1] as const) === 1,
    ...(callId === undefined ? {} : { callId }),
    ...(args === undefined ? {} : { args }),
    reasoningTokens: wholeNumber(values, 'reasoning', TOKENS_MAX) ?? 0,
    ...(fault === undefined ? {} : { fault }),
    faultTimes: times ?? Infinity,
    ...(finish === undefined ? {} : { finish }),
  };
}

function readArguments(values: Values): string | undefined {
  const value = values.get('args');
  if (value === undefined || value === 'auto') return undefined;
  try {
    const parsed: unknown = JSON.parse(value);
    // Anything else that is JSON cannot be the arguments of a function.
    if (value.startsWith('{') && parsed !== null) return value;
  } catch {
    // Said below: the parser's own words are of no more help.
  }
  throw bad('args', value, 'auto or a JSON object');
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
