/** What is asked for readiness: `{ nats: true, pool: false }`. */
export type HealthChecks = Readonly<Record<string, boolean>>;

export interface HealthReport {
  /** HTTP status: 200 when every check holds, else 503. */
  readonly status: 200 | 503;
  readonly body: {
    readonly status: 'ready' | 'not_ready';
    readonly checks: HealthChecks;
    /** What a person must put right. */
    readonly problem?: string;
  };
}

/** The answer to `/readyz`. A saturated pool is no reason to be unready: leave load out of it. */
export function healthReport(checks: HealthChecks, problem?: string): HealthReport {
  if (Object.values(checks).every(Boolean))
    return { status: 200, body: { status: 'ready', checks } };
  const why = problem === undefined ? {} : { problem };
  return { status: 503, body: { status: 'not_ready', checks, ...why } };
}

/** The answer to `/livez`, always with 200: whoever can send it is alive, with or without NATS. */
export const LIVE_BODY = Object.freeze({ status: 'live' });
