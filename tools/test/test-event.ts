/** What the reporter tells the launcher, one JSON line each. */
export interface TestResult {
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** The test's name. */
  readonly name: string;
  readonly file: string;
  /** The error in full, of a failed one. */
  readonly error?: string;
}

const OUTCOMES: readonly unknown[] = ['passed', 'failed', 'skipped'];

/** A line of the reporter, or undefined for anything else. */
export function parseResult(line: string): TestResult | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isResult(value) ? value : undefined;
  } catch {
    // Something else wrote to the same stream.
    return undefined;
  }
}

function isResult(value: unknown): value is TestResult {
  return (
    typeof value === 'object' &&
    value !== null &&
    'outcome' in value &&
    OUTCOMES.includes(value.outcome)
  );
}
