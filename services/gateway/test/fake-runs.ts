/** A run queue in memory whose runs the test settles itself. */
import type { RunEvent } from '@switchboard/contract';
import { isEnd, SwitchboardError } from '@switchboard/contract';
import type { Bucket } from '../src/runs/run-records.ts';
import type { CancelReason, Follower, Run, Runs, Submission } from '../src/runs/runs.ts';

export class FakeRun implements Run {
  readonly run: string;
  readonly acceptedAtMs = Date.now();
  readonly submission: Submission;
  /** Resolves with the first reason. */
  readonly cancelled = Promise.withResolvers<CancelReason>();
  readonly cancels: CancelReason[] = [];
  closed = 0;
  detached = 0;
  /** Who has not left: its creator, and followers. */
  readonly #readers = new Set<object>([this]);
  readonly #events: RunEvent[] = [];
  #arrived = Promise.withResolvers<void>();
  #failure: Error | undefined;
  /** Events handed to the gateway so far. */
  taken = 0;

  constructor(run: string, submission: Submission) {
    this.run = run;
    this.submission = submission;
  }

  emit(...events: readonly RunEvent[]): void {
    this.#events.push(...events);
    this.#wake();
  }

  /** What the transport promises never to do. */
  break(failure: Error): void {
    this.#failure = failure;
    this.#wake();
  }

  get logged(): readonly RunEvent[] {
    return this.#events;
  }

  close(reason: CancelReason = 'client_gone'): void {
    this.left(this, reason);
  }

  detach(): void {
    this.detached += 1;
  }

  /** One of several readers. */
  follow(): Follower {
    const reader: Follower = {
      run: this.run,
      events: (signal) => this.events(signal),
      close: () => this.left(reader, 'client_gone'),
      detach: () => this.detach(),
    };
    this.#readers.add(reader);
    return reader;
  }

  /** As the transport has it: of policy `cancel` the last one to leave ends the run. */
  left(reader: object, reason: CancelReason): void {
    this.closed += 1;
    const wasLast = this.#readers.delete(reader) && this.#readers.size === 0;
    if (wasLast && this.submission.onDisconnect === 'cancel') void this.cancel(reason);
  }

  async *events(signal?: AbortSignal): AsyncGenerator<RunEvent> {
    let next = 0;
    const onAbort = () => this.#wake();
    signal?.addEventListener('abort', onAbort);
    try {
      while (signal?.aborted !== true) {
        for (let event = this.#events[next]; event !== undefined; event = this.#events[next]) {
          next += 1;
          this.taken += 1;
          yield event;
        }
        if (this.#failure !== undefined) throw this.#failure;
        await this.#arrived.promise;
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async cancel(reason: CancelReason): Promise<void> {
    this.cancels.push(reason);
    this.cancelled.resolve(reason);
  }

  #wake(): void {
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }
}

export class FakeRuns implements Runs {
  readonly submitted: FakeRun[] = [];
  /** By {@link cancelRun}, whether anybody knows them or not. */
  readonly cancelled: string[] = [];
  readonly #waiting: ((run: FakeRun) => void)[] = [];
  /** Thrown by the next submits. */
  refusal: Error | undefined;
  /** Called before each read of a log. */
  onReadLogged: (() => void) | undefined;
  /** Thrown by the next reads of a log. */
  logFailure: Error | undefined;
  /** Set: submit waits for its signal, as when NATS does not answer. */
  stuck: PromiseWithResolvers<AbortSignal> | undefined;
  /** Set: submit waits for it and then accepts, whatever has become of the client. */
  acceptLater: Promise<void> | undefined;
  /** Called with each run before it is handed out. */
  script: ((run: FakeRun) => void) | undefined;

  /** Most messages of a chat that the queue takes. */
  inlineMax = Number.POSITIVE_INFINITY;
  #ids = 0;
  #asked = 0;
  #onAsked = Promise.withResolvers<void>();

  /** Resolves when so many submits have come. */
  async asked(count: number): Promise<void> {
    while (this.#asked < count) await this.#onAsked.promise;
  }

  newRunId(): string {
    this.#ids += 1;
    return `test_${String(this.#ids).padStart(22, '0')}`;
  }

  find(run: string): FakeRun | undefined {
    return this.submitted.find((each) => each.run === run);
  }

  async follow(run: string): Promise<Follower> {
    const found = this.find(run);
    if (found === undefined) throw new Error(`nobody submitted ${run}`);
    return found.follow();
  }

  async cancelRun(run: string, reason: CancelReason): Promise<void> {
    this.cancelled.push(run);
    const found = this.find(run);
    await found?.cancel(reason);
    if (found?.logged.some(isEnd) === false) found.emit({ type: 'cancelled', reason });
  }

  async readLogged(run: string): Promise<readonly RunEvent[]> {
    this.onReadLogged?.();
    if (this.logFailure !== undefined) throw this.logFailure;
    return this.find(run)?.logged ?? [];
  }

  async submit(submission: Submission, signal: AbortSignal): Promise<Run> {
    if (submission.chat.messages.length > this.inlineMax) {
      throw new SwitchboardError('body_too_large', 'No message can carry it.');
    }
    if (this.refusal !== undefined) throw this.refusal;
    if (this.stuck !== undefined) {
      this.stuck.resolve(signal);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      signal.throwIfAborted();
    }
    this.#asked += 1;
    this.#onAsked.resolve();
    this.#onAsked = Promise.withResolvers();
    await this.acceptLater;
    const run = new FakeRun(submission.run ?? this.newRunId(), submission);
    this.submitted.push(run);
    this.script?.(run);
    this.#waiting.shift()?.(run);
    return run;
  }

  /** The next run that is submitted. */
  next(): Promise<FakeRun> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

export const STARTED: RunEvent = { type: 'started', worker: 'w1' };
export const COMPLETED: RunEvent = { type: 'completed', finishReason: 'stop' };
export const text = (content: string): RunEvent => ({ type: 'text.delta', text: content });
export const refusedAs = (code: SwitchboardError['code'], message: string): SwitchboardError =>
  new SwitchboardError(code, message);

/** A bucket in memory. */
export class MemoryBucket implements Bucket {
  readonly entries = new Map<string, { value: unknown; revision: number }>();
  /** How often there was one already. */
  refused = 0;
  /** Thrown by the next writes. */
  failure: Error | undefined;
  #revision = 0;

  async get(key: string): Promise<{ value: unknown; revision: number } | undefined> {
    return structuredClone(this.entries.get(key));
  }

  async create(key: string, value: unknown): Promise<number | undefined> {
    if (!this.entries.has(key)) return this.#put(key, value);
    this.refused += 1;
    return undefined;
  }

  async update(key: string, value: unknown, revision: number): Promise<number | undefined> {
    return this.entries.get(key)?.revision === revision ? this.#put(key, value) : undefined;
  }

  async delete(key: string): Promise<void> {
    this.entries.delete(key);
  }

  #put(key: string, value: unknown): number {
    if (this.failure !== undefined) throw this.failure;
    this.#revision += 1;
    this.entries.set(key, { value: structuredClone(value), revision: this.#revision });
    return this.#revision;
  }
}
