/** The runs of this worker now, and the clockwork that keeps their claims alive. */
import { HEARTBEAT_MS } from '@switchboard/contract';
import { hasEnd } from '../events/log-state.ts';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import { RunCancelled } from './cancellations.ts';
import { inProgress } from './delivery.ts';
import type { WatchedRun } from './gateways.ts';
import type { RunPass } from './run-gate.ts';
import type { RunLog } from './run-log.ts';

export interface RunningRun {
  /** What stands in every log line about it. */
  readonly names: { readonly run: string; readonly requestId: string };
  /** Who made it, and what becomes of it when nobody reads it. */
  readonly request: WatchedRun;
  readonly log: RunLog;
  /** Where the request is acknowledged; replaced when it is delivered again to this worker. */
  reply: string;
  readonly controller: AbortController;
  readonly pass: RunPass;
  /** Set once the run's log was claimed: before that there is no lease to lose. */
  claimed: boolean;
}

/** The abort reason of a run that somebody else may have taken by now. */
export class LeaseLost extends Error {
  constructor() {
    super('the claim on the run ran out');
    this.name = 'LeaseLost';
  }
}

const TICK_MS = 1_000;
const LOOK_RETRY_MS = 250;

export class RunningRuns {
  readonly #link: NatsLink;
  readonly #runs = new Map<string, RunningRun>();
  readonly #timer: NodeJS.Timeout;
  #ticks = 0;

  constructor(link: NatsLink) {
    this.#link = link;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  get size(): number {
    return this.#runs.size;
  }

  get(run: string): RunningRun | undefined {
    return this.#runs.get(run);
  }

  add(run: string, running: RunningRun): void {
    this.#runs.set(run, running);
  }

  delete(run: string): void {
    this.#runs.delete(run);
  }

  [Symbol.iterator](): IterableIterator<[string, RunningRun]> {
    return this.#runs.entries();
  }

  /** Says at once, after a reconnect, that all of them are alive. */
  renewAll(): void {
    for (const { log, reply, claimed } of this.#runs.values()) {
      inProgress(this.#link, reply);
      if (claimed) void log.heartbeat();
    }
  }

  /**
   * After a reconnect: a cancel that was sent while this worker was away was not heard, but the log
   * knows. Also of a run that is not claimed: it may be a suspect that the whole worker makes room
   * for. Whatever comes later is heard. Never rejects.
   */
  async cancelEnded(stop: AbortSignal): Promise<void> {
    const { epoch } = this.#link;
    const isDone = (): boolean =>
      stop.aborted || !this.#link.connected || this.#link.epoch !== epoch;
    // Only these: while requests go on coming, a look at all that come would never be done.
    const present = [...this.#runs];
    for (const [run, { controller }] of present) {
      for (let known = false; !known && !isDone();) {
        try {
          if (await hasEnd(this.#link, run)) controller.abort(new RunCancelled());
          known = true;
        } catch {
          // During an election nobody answers for a while.
          await abortableSleep(LOOK_RETRY_MS, stop);
        }
      }
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    this.#ticks += 1;
    const renew = this.#ticks % (HEARTBEAT_MS / TICK_MS) === 0;
    for (const { log, reply, controller, claimed } of this.#runs.values()) {
      if (renew) inProgress(this.#link, reply);
      if (!claimed) continue;
      if (log.isLost) controller.abort(new LeaseLost());
      else if (log.leaseAgeMs >= HEARTBEAT_MS) void log.heartbeat();
    }
  }
}
