/** What callers of the transport hold of a run. */
import type { RunEvent } from '@switchboard/contract';
import type { Reader } from './reader.ts';
import type { CancelReason, Run } from './run.ts';

/** One reader of a run of any gateway. */
export interface FollowHandle {
  readonly run: string;
  /**
   * From the very first event, in order, each once; the last is the end. Each call begins again.
   * Never throws for what a run can do. When events of the run are not stored any more, the last
   * one is the failure `answer_incomplete`. Finishes without an end when `signal` aborts or the
   * reader leaves; of a run that nobody has claimed or ended there are no events yet.
   */
  events(signal?: AbortSignal): AsyncIterable<RunEvent>;
  /** This reader leaves; what becomes of the run is its policy's to say. Idempotent. */
  close(): void;
  /** The gateway lets go of it: the reader may come back elsewhere. Idempotent. */
  detach(): void;
}

/** One accepted run of this gateway, and its first reader. */
export interface RunHandle extends FollowHandle {
  /** When it was stored in the queue, epoch milliseconds. */
  readonly acceptedAtMs: number;
  /** `reason`: why the run is cancelled, if it is abandoned by this. Default `client_gone`. */
  close(reason?: CancelReason): void;
  /**
   * Ends the run wherever it is, whoever reads it. Idempotent; resolves when the end is stored or
   * known. Never throws.
   */
  cancel(reason: CancelReason): Promise<void>;
}

export class OwnRun implements RunHandle {
  readonly run: string;
  readonly #run: Run;
  readonly #reader: Reader;

  constructor(run: Run, reader: Reader) {
    this.run = run.run;
    this.#run = run;
    this.#reader = reader;
  }

  get acceptedAtMs(): number {
    return this.#run.acceptedAtMs;
  }

  events(signal?: AbortSignal): AsyncIterable<RunEvent> {
    return this.#reader.events(signal);
  }

  cancel(reason: CancelReason): Promise<void> {
    return this.#run.cancel(reason);
  }

  close(reason: CancelReason = 'client_gone'): void {
    this.#run.leave(this.#reader, reason);
  }

  detach(): void {
    this.#reader.detach();
  }
}
