/** A broken promise, with what shows it. */
export interface Violation {
  readonly promise: string;
  /** When, epoch milliseconds; undefined for what holds of the whole storm. */
  readonly atMs?: number | undefined;
  readonly run?: string | undefined;
  readonly request?: string | undefined;
  readonly evidence: string;
}

export interface Interval {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** One violation as a line. */
export function violationText({ promise, atMs, run, request, evidence }: Violation): string {
  const at = atMs === undefined ? '' : ` ${new Date(atMs).toISOString()}`;
  const names = [request && `request ${request}`, run && `run ${run}`].filter(Boolean).join(', ');
  return `(${promise})${at}${names === '' ? '' : ` ${names}`}: ${evidence}`;
}
