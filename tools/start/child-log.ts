/** Turns the log lines of the processes into what a person, or a log collector, should see. */

const WARN = 40;
const LEVELS: Readonly<Record<string, number>> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
};
const TEXT_LENGTH_MAX = 300;

/** nats-server's own format: `[pid] date time [LVL] text`. */
const NATS_LINE = /^\[\d+\] \S+ \S+ \[(\w+)\] (.*)$/;
const NATS_LEVELS: Readonly<Record<string, number>> = {
  TRC: 10,
  DBG: 20,
  INF: 30,
  WRN: 40,
  ERR: 50,
  FTL: 60,
};

/**
 * What is no fault. NATS's users are made anew at each start, and their passwords guarded by the
 * rights of a file; and a worker that its watchdog ends leaves in the middle of a look at it.
 */
const KNOWN = /^(Plaintext passwords detected|Waiting for the debugger to disconnect)/;

interface Entry {
  readonly level: number;
  readonly text: string;
}

/** A warning or error as one short line, or undefined for what a person need not see. */
export function humanLine(processName: string, line: string): string | undefined {
  const entry = read(line);
  if (entry.level < WARN || entry.text === '' || KNOWN.test(entry.text)) return undefined;
  const word = entry.level > WARN ? 'error' : 'warning';
  const text = entry.text.slice(0, TEXT_LENGTH_MAX);
  return `${new Date().toTimeString().slice(0, 8)} ${processName} ${word}: ${text}`;
}

/** The line if it is JSON, else wrapped as one like the others; undefined if empty. */
export function jsonLine(processName: string, line: string): string | undefined {
  if (parseObject(line) !== undefined) return line;
  const { level, text } = read(line);
  if (text === '') return undefined;
  const word = Object.keys(LEVELS).find((name) => LEVELS[name] === level);
  return JSON.stringify({
    level: word,
    time: new Date().toISOString(),
    name: processName,
    msg: text,
  });
}

function read(line: string): Entry {
  const fields = parseObject(line);
  if (fields !== undefined) {
    return {
      level: levelOf(fields['level']),
      text: [fields['msg'], errorText(fields)].filter(Boolean).join(': '),
    };
  }
  const [, level = '', text = line] = NATS_LINE.exec(line) ?? [];
  // What is in neither format was not meant as a log line: a crash, most likely.
  return { level: NATS_LEVELS[level] ?? LEVELS['error'] ?? WARN, text };
}

function levelOf(level: unknown): number {
  if (typeof level === 'number') return level;
  return (typeof level === 'string' ? LEVELS[level] : undefined) ?? WARN;
}

/** The message of an error in pino's form, or of one that is a text; only its first line. */
function errorText(fields: Readonly<Record<string, unknown>>): string {
  const error = fields['err'];
  const text = isRecord(error) ? error['message'] : error;
  return typeof text === 'string' ? (text.split('\n')[0] ?? '') : '';
}

function parseObject(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const fields: unknown = JSON.parse(line);
    return isRecord(fields) ? fields : undefined;
  } catch {
    // Cut, or not JSON after all: shown as text.
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
