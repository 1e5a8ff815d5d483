/** The log of every process: one JSON object a line on stdout, without keys and without prompts. */
import { pino, stdTimeFunctions } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { errorFields } from './error-fields.ts';

export type { Logger } from 'pino';

export const LOG_LEVEL_NAMES = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevelName = (typeof LOG_LEVEL_NAMES)[number];

/** Fields that may hold a key. */
const SECRET_KEYS = [
  'authorization',
  'Authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'api-key',
  'api_key',
  'apiKey',
  'key',
  'openaiApiKey',
  'password',
  'pass',
  'natsPassword',
  'secret',
  'token',
  'natsToken',
] as const;

/** Fields that may hold what people wrote, or what a model answered. */
const PROMPT_KEYS = [
  'arguments',
  'body',
  'chat',
  'content',
  'delta',
  'input',
  'instructions',
  'messages',
  'output',
  'prompt',
  'text',
] as const;

const REDACTED_PATHS = [...SECRET_KEYS, ...PROMPT_KEYS].flatMap((key) => [
  bracketed(key),
  `*${bracketed(key)}`,
]);

export interface LoggerOptions {
  /** The process: `gateway`, `agent-worker`. */
  readonly name: string;
  readonly level: LogLevelName;
  /**
   * Default: stdout, written to in the background and flushed at the exit. Written to synchronously
   * it would stop the whole process for 100 ms whenever the reader's pipe is full.
   */
  readonly destination?: DestinationStream;
}

/**
 * A pino logger. Fields at the top two levels whose name suggests a key or a prompt are replaced by
 * `[redacted]`; errors (`err`, `error`) keep type, message, code and stack. It is a safety net: the
 * rule stays that nobody passes such fields.
 */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level,
      base: { name: options.name, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (value) => errorFields(value), error: (value) => errorFields(value) },
      redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
    },
    options.destination ?? pino.destination({ fd: 1, sync: false }),
  );
}

/** The quoted form, because `set-cookie` is no identifier. */
function bracketed(key: string): string {
  return `["${key}"]`;
}
