import type { LoggerService } from '@nestjs/common';
import { errorFields } from './error-fields.ts';

/** The levels this adapter writes to; a pino logger has them. */
interface LevelLog {
  fatal(fields: object, message: string): void;
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  trace(fields: object, message: string): void;
}

/** What Nest says of itself while it starts: a line for each module and route, so only at debug. */
const START_UP_CONTEXTS = new Set([
  'InstanceLoader',
  'NestApplication',
  'NestFactory',
  'NestMicroservice',
  'RouterExplorer',
  'RoutesResolver',
]);

/**
 * Nest's logging written to ours: `{"level":"warn","context":"ExceptionsHandler","msg":"..."}`.
 * Nest passes the context as the last argument, and a stack before it with errors.
 */
export class NestLogger implements LoggerService {
  readonly #log: LevelLog;

  constructor(log: LevelLog) {
    this.#log = log;
  }

  log(message: unknown, ...rest: unknown[]): void {
    const context = contextOf(rest);
    const level = context !== undefined && START_UP_CONTEXTS.has(context) ? 'debug' : 'info';
    this.#write(level, message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.#write('fatal', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.#write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.#write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.#write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.#write('trace', message, rest);
  }

  #write(level: keyof LevelLog, message: unknown, rest: readonly unknown[]): void {
    const context = contextOf(rest);
    const error = [message, ...rest].find((part) => part instanceof Error);
    const fields = {
      ...(context === undefined ? {} : { context }),
      ...(error === undefined ? {} : { err: error }),
    };
    this.#log[level](fields, textOf(message));
  }
}

/** The last argument if it is a name; a stack has line breaks. */
function contextOf(rest: readonly unknown[]): string | undefined {
  const last = rest.at(-1);
  return typeof last === 'string' && !last.includes('\n') ? last : undefined;
}

function textOf(message: unknown): string {
  if (typeof message === 'string') return message;
  // Objects that Nest logs are payloads of handlers: they may hold prompts.
  return message instanceof Error ? errorFields(message).message : 'an object, not shown';
}
