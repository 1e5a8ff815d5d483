import type { Log } from '@switchboard/agent';

/** Where lines go: the worker's own log. */
export interface LineLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Most lines of one run: a loop that logs must not fill the disk. */
const LINES_MAX = 200;
const MESSAGE_CHARS_MAX = 1_000;
/** Largest fields of one line, as characters of JSON. */
const FIELDS_CHARS_MAX = 4_096;

/**
 * The log that a module is given for one run. `names` say whose line it is; what the module says
 * stands apart from them, where the worker's log takes out what looks like a key or a prompt.
 */
export function moduleLog(log: LineLog, names: object): Log {
  let lines = 0;
  const write = (level: keyof LineLog, message: unknown, fields: unknown): void => {
    lines += 1;
    if (lines > LINES_MAX + 1) return;
    if (lines > LINES_MAX) log.warn(names, 'an agent in code logs too much: the rest is left out');
    else log[level]({ ...names, ...detailsOf(fields) }, boundedMessage(message));
  };
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
  };
}

function boundedMessage(message: unknown): string {
  return typeof message === 'string' ? message.slice(0, MESSAGE_CHARS_MAX) : typeof message;
}

/** A copy of the fields as JSON has them: what is logged later must not have changed. */
function detailsOf(fields: unknown): object {
  if (fields === undefined) return {};
  try {
    const json = JSON.stringify(fields, errorsByName) ?? '';
    if (json.length > FIELDS_CHARS_MAX) return { details: '[too large]' };
    return { details: JSON.parse(json) as unknown };
  } catch {
    // Circular, or with a BigInt: the line is still worth having.
    return { details: '[unreadable]' };
  }
}

/** JSON knows no errors; their messages may quote anything. */
function errorsByName(_key: string, value: unknown): unknown {
  return value instanceof Error ? value.name : value;
}
