import { nowMs } from './clock.ts';

/**
 * How a run ended: `finished` = the whole answer was sent; `aborted` = the caller closed the socket
 * before that; `faulted` = the script broke it on purpose. `running` = it has not ended.
 */
export type Outcome = 'running' | 'finished' | 'aborted' | 'faulted';

/** One answer, as the log keeps it. Times are epoch milliseconds, with fractions. */
export interface RunRecord {
  readonly request: string;
  /** 1 for the first run with this request id that the log still knows. */
  readonly attempt: number;
  readonly script: string;
  readonly stream: boolean;
  readonly startedAtMs: number;
  firstTokenAtMs: number | null;
  /** Tokens sent, or, in an answer that is not streamed, made until its end. */
  tokens: number;
  /** Time of each of the first 4,096 of them. */
  readonly tokensAtMs: number[];
  endedAtMs: number | null;
  outcome: Outcome;
}

/** started = finished + aborted + faulted + running, at any time, also after a reset. */
export interface RunCounts {
  readonly started: number;
  readonly finished: number;
  readonly aborted: number;
  readonly faulted: number;
  /** Requests that never became a run: bad JSON, a bad script. */
  readonly rejected: number;
  readonly running: number;
  readonly maxRunning: number;
  readonly tokens: number;
  readonly runningByScript: Readonly<Record<string, number>>;
}

const RECORDS_MAX = 10_000;
const TIMES_MAX_PER_RECORD = 4_096;
/** Over all records: 32 MB. */
const TIMES_MAX = 4_194_304;

/** Counts runs and keeps the newest of them, in bounded memory. */
export class RunLog {
  readonly #recordsMax: number;
  /** Oldest request first. */
  readonly #byRequest = new Map<string, RunRecord[]>();
  readonly #runningByScript = new Map<string, number>();
  /** Runs the log gave up while they ran: nothing more is kept of them. */
  readonly #dropped = new WeakSet<RunRecord>();
  #records = 0;
  #times = 0;
  #started = 0;
  readonly #ended = { finished: 0, aborted: 0, faulted: 0 };
  #rejected = 0;
  #running = 0;
  #maxRunning = 0;
  #tokens = 0;

  constructor(recordsMax = RECORDS_MAX) {
    this.#recordsMax = recordsMax;
  }

  start(request: string, script: string, stream: boolean): RunRecord {
    const record: RunRecord = {
      request,
      attempt: this.attempts(request) + 1,
      script,
      stream,
      startedAtMs: nowMs(),
      firstTokenAtMs: null,
      tokens: 0,
      tokensAtMs: [],
      endedAtMs: null,
      outcome: 'running',
    };
    this.#keep(record);
    this.#started += 1;
    this.#running += 1;
    this.#maxRunning = Math.max(this.#maxRunning, this.#running);
    this.#runningByScript.set(script, (this.#runningByScript.get(script) ?? 0) + 1);
    return record;
  }

  /** Notes one more token. */
  token(record: RunRecord, atMs: number): void {
    record.firstTokenAtMs ??= atMs;
    record.tokens += 1;
    this.#tokens += 1;
    if (record.tokensAtMs.length < TIMES_MAX_PER_RECORD && !this.#dropped.has(record)) {
      record.tokensAtMs.push(atMs);
      this.#times += 1;
    }
  }

  /** Ends a run; a run that has ended stays as it is. */
  end(record: RunRecord, outcome: Exclude<Outcome, 'running'>, atMs: number): void {
    if (record.outcome !== 'running') return;
    record.outcome = outcome;
    record.endedAtMs = atMs;
    this.#running -= 1;
    this.#ended[outcome] += 1;
    const left = (this.#runningByScript.get(record.script) ?? 1) - 1;
    if (left === 0) this.#runningByScript.delete(record.script);
    else this.#runningByScript.set(record.script, left);
  }

  reject(): void {
    this.#rejected += 1;
  }

  /** Number of runs a request id has had. */
  attempts(request: string): number {
    return this.#byRequest.get(request)?.at(-1)?.attempt ?? 0;
  }

  /** The runs of a request id, oldest first. */
  of(request: string): readonly RunRecord[] {
    return this.#byRequest.get(request) ?? [];
  }

  all(): readonly RunRecord[] {
    return [...this.#byRequest.values()].flat();
  }

  counts(): RunCounts {
    return {
      started: this.#started,
      ...this.#ended,
      rejected: this.#rejected,
      running: this.#running,
      maxRunning: this.#maxRunning,
      tokens: this.#tokens,
      runningByScript: Object.fromEntries(this.#runningByScript),
    };
  }

  /** Forgets all that has ended. What still runs goes on and counts as started. */
  reset(): void {
    const running = this.all().filter((record) => record.outcome === 'running');
    this.#byRequest.clear();
    this.#records = 0;
    this.#times = 0;
    for (const record of running) this.#keep(record);
    this.#started = this.#running;
    this.#maxRunning = this.#running;
    Object.assign(this.#ended, { finished: 0, aborted: 0, faulted: 0 });
    this.#rejected = 0;
    this.#tokens = 0;
  }

  #keep(record: RunRecord): void {
    const records = this.#byRequest.get(record.request);
    if (records === undefined) this.#byRequest.set(record.request, [record]);
    else records.push(record);
    this.#records += 1;
    this.#times += record.tokensAtMs.length;
    while (this.#records > this.#recordsMax || this.#times > TIMES_MAX) this.#dropOldest();
  }

  #dropOldest(): void {
    for (const [request, records] of this.#byRequest) {
      const oldest = records.shift();
      if (records.length === 0) this.#byRequest.delete(request);
      if (oldest === undefined) return;
      this.#records -= 1;
      this.#times -= oldest.tokensAtMs.length;
      if (oldest.outcome === 'running') this.#dropped.add(oldest);
      return;
    }
  }
}
