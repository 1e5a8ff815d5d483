/** What a slot does with a request, and which of them are still under way in this worker. */
import type { RunRequest } from '@switchboard/contract';
import type { Cancellations } from './cancellations.ts';
import { discardUnreadable } from './dead-letters.ts';
import { type Delivery, giveBack, inProgress } from './delivery.ts';
import { parseRequest } from './request-input.ts';
import { type AttemptOptions, RunAttempt } from './run-attempt.ts';
import { CallerLost, WorkerStopping } from './run-ends.ts';
import type { RunPass } from './run-gate.ts';
import { RunLog } from './run-log.ts';
import type { RunningRun, RunningRuns } from './running.ts';

export interface ExecutorOptions extends AttemptOptions {
  /** Slots of the worker. */
  readonly slots: number;
  readonly worker: string;
  readonly running: RunningRuns;
  readonly cancellations: Cancellations;
  /** A run has held its slot for so long. */
  readonly onServed: (slotMs: number) => void;
}

export class RunExecutor {
  readonly #options: ExecutorOptions;
  /** Runs whose end is being stored, when their slot may be free already. */
  readonly #underWay = new Set<Promise<void>>();
  #ending = 0;

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the slot is free: the handler is done, the end may still be on its way to the
   * stream. Never rejects for anything a request, a handler or NATS can do.
   */
  async execute(delivery: Delivery, stop: AbortSignal): Promise<void> {
    const { link, pool, log, running } = this.#options;
    const request = parseRequest(delivery.data);
    if (request === undefined) return discardUnreadable(link, pool, delivery, log);
    const known = running.get(request.run);
    if (known !== undefined) {
      // Its claim on the queue ran out while this worker still runs it: go on under the new one.
      known.reply = delivery.reply;
      inProgress(link, delivery.reply);
      return;
    }
    const pass = this.#options.gate.enter();
    if (pass === undefined) {
      // It was on its way when a suspect asked to be alone.
      giveBack(link, delivery.reply, 0);
      return this.#options.ring();
    }
    const beganAtMs = performance.now();
    const { entry, forget } = this.#register(delivery, request, { stop, pass });
    const attempt = new RunAttempt(this.#options, delivery, request, entry);
    const slot = Promise.withResolvers<void>();
    const whole = this.#toTheEnd(attempt, slot.resolve).finally(() => {
      forget();
      slot.resolve();
    });
    this.#track(whole);
    await slot.promise;
    if (attempt.answered) this.#options.onServed(performance.now() - beganAtMs);
  }

  /** Stops the runs that nobody waits for any more; each ends as if its caller had left. */
  endAbandoned(): void {
    const { running, callerOf } = this.#options;
    for (const [, { request, controller }] of running) {
      if (callerOf(request) === 'abandoned') controller.abort(new CallerLost());
    }
  }

  /** Resolves when no end is under way any more. Never rejects. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** Before anything is awaited: a cancel may come at any moment. */
  #register(
    { reply }: Delivery,
    request: RunRequest,
    { stop, pass }: { readonly stop: AbortSignal; readonly pass: RunPass },
  ): { readonly entry: RunningRun; readonly forget: () => void } {
    const { link, worker, running, cancellations } = this.#options;
    const { run, requestId } = request;
    const entry: RunningRun = {
      names: { run, requestId },
      request,
      log: new RunLog(link, run, worker),
      reply,
      controller: new AbortController(),
      pass,
      claimed: false,
    };
    running.add(run, entry);
    const forgetCancel = cancellations.register(run, entry.controller);
    const onStop = (): void => entry.controller.abort(new WorkerStopping());
    stop.addEventListener('abort', onStop, { once: true });
    if (stop.aborted) onStop();
    const forget = (): void => {
      entry.log.close();
      pass.leave();
      stop.removeEventListener('abort', onStop);
      forgetCancel();
      running.delete(run);
    };
    return { entry, forget };
  }

  async #toTheEnd(attempt: RunAttempt, freeSlot: () => void): Promise<void> {
    try {
      const end = await attempt.run();
      if (end === undefined) return;
      // The next request is fetched while this end is stored: one end a slot, so that what waits
      // for a stream that takes nothing stays bounded.
      if (this.#ending < this.#options.slots) freeSlot();
      this.#ending += 1;
      try {
        await attempt.end(end);
      } finally {
        this.#ending -= 1;
      }
    } catch (error) {
      attempt.undo(error);
    }
  }

  #track(promise: Promise<void>): void {
    const tracked = promise.finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }
}
