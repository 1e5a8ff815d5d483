/** What the reporter inside a test process tells the launcher, one marked line each. */
export type TestMessage =
  | { readonly kind: 'begun' }
  /** A test or suite is over; its result may follow later. */
  | { readonly kind: 'ended' }
  | TestResult;

export interface TestResult {
  readonly kind: 'result';
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly name: string;
  /** The error in full, of a failed one. */
  readonly error?: string;
}

/** Tells the lines of the reporter from what the tests print to the same stream. */
const MARK = '@test ';

/** Starts with a line end, because a test may have printed half a line. */
export function writeMessage(message: TestMessage): string {
  return `\n${MARK}${JSON.stringify(message)}\n`;
}

/** The message in a line, or undefined for what a test has printed. */
export function readMessage(line: string): TestMessage | undefined {
  if (!line.startsWith(MARK)) return undefined;
  const message: unknown = JSON.parse(line.slice(MARK.length));
  return isMessage(message) ? message : undefined;
}

function isMessage(value: unknown): value is TestMessage {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false;
  return value.kind === 'begun' || value.kind === 'ended' || value.kind === 'result';
}
