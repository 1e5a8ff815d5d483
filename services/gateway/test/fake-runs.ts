/** A run queue in memory whose runs the test settles itself. */
import type { RunEvent } from '@switchboard/contract';
import { SwitchboardError } from '@switchboard/contract';
import type { CancelReason, Run, RunSubmitter, Submission } from '../src/chat/run-submitter.ts';

export class FakeRun implements Run {
  readonly run: string;
  readonly acceptedAtMs = Date.now();
  readonly submission: Submission;
  /** Resolves with the first reason. */
  readonly cancelled = Promise.withResolvers<CancelReason>();
  readonly cancels: CancelReason[] = [];
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

  async *events(signal?: AbortSignal): AsyncGenerator<RunEvent> {
    const onAbort = () => this.#wake();
    signal?.addEventListener('abort', onAbort);
    try {
      while (signal?.aborted !== true) {
        for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
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

export class FakeRuns implements RunSubmitter {
  readonly submitted: FakeRun[] = [];
  readonly #waiting: ((run: FakeRun) => void)[] = [];
  /** Thrown by the next submits. */
  refusal: Error | undefined;
  /** Set: submit waits for its signal, as when NATS does not answer. */
  stuck: PromiseWithResolvers<AbortSignal> | undefined;
  /** Set: submit waits for it and then accepts, whatever has become of the client. */
  acceptLater: Promise<void> | undefined;
  /** Called with each run before it is handed out. */
  script: ((run: FakeRun) => void) | undefined;

  async submit(submission: Submission, signal: AbortSignal): Promise<Run> {
    if (this.refusal !== undefined) throw this.refusal;
    if (this.stuck !== undefined) {
      this.stuck.resolve(signal);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      signal.throwIfAborted();
    }
    await this.acceptLater;
    const number = String(this.submitted.length + 1).padStart(22, '0');
    const run = new FakeRun(`test_${number}`, submission);
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
