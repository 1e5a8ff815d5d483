/**
 * What a slot does with one request: claim, run, write down, end, acknowledge.
 *
 * The order never changes: the end is stored, then the request is acknowledged. A request whose end
 * could not be stored is not acknowledged; it comes back and meets the fence.
 */
import {
  isEnd,
  MAX_ATTEMPTS,
  type RunEnd,
  type RunEvent,
  RunRequest,
  SwitchboardError,
  toError,
} from '@switchboard/contract';
import type { TransportLog } from '../link/log.ts';
import type { NatsLink } from '../link/nats-link.ts';
import { type Cancellations, RunCancelled } from './cancellations.ts';
import { keepDeadLetter } from './dead-letters.ts';
import { acknowledge, type Delivery, giveBack, inProgress, storedAtMs } from './delivery.ts';
import { RunContext } from './run-context.ts';
import { RunLog } from './run-log.ts';
import { LeaseLost, type RunningRun, type RunningRuns } from './running.ts';

/** The Nest handler as it comes out of the framework: the generator itself, perhaps promised. */
export type AgentHandler = (
  request: RunRequest,
  context: RunContext,
) => Promise<AsyncIterable<RunEvent>> | AsyncIterable<RunEvent>;

export interface ExecutorOptions {
  readonly link: NatsLink;
  readonly pool: string;
  /** Slots of the worker. */
  readonly slots: number;
  readonly worker: string;
  readonly handler: AgentHandler;
  readonly running: RunningRuns;
  readonly cancellations: Cancellations;
  /** Wakes an idle worker. */
  readonly ring: () => void;
  /** Aborts when the process must go even if ends cannot be stored: the requests come back then. */
  readonly giveUp: AbortSignal;
  readonly log: TransportLog;
}

/** When a run is claimed by somebody else, its request is looked at again after this long. */
const BUSY_RETRY_MS = 4_000;
/** When the queue's log cannot be read, likewise. */
const AWAY_RETRY_MS = 1_000;
/** Clocks of two machines may differ by this much before a queue timeout is doubted. */
const CLOCK_SKEW_MS = 5_000;

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
    const { link, running, cancellations } = this.#options;
    const request = parseRequest(delivery.data);
    if (request === undefined) return this.#discardUnreadable(delivery);
    const { run } = request;
    const known = running.get(run);
    if (known !== undefined) {
      // Its claim on the queue ran out while this worker still runs it: go on under the new one.
      known.reply = delivery.reply;
      inProgress(link, delivery.reply);
      return;
    }
    const entry: RunningRun = {
      names: { run, requestId: request.requestId },
      log: new RunLog(link, run, this.#options.worker),
      reply: delivery.reply,
      controller: new AbortController(),
      claimed: false,
    };
    running.add(run, entry);
    const forget = cancellations.register(run, entry.controller);
    const onStop = (): void => entry.controller.abort(new WorkerStopping());
    stop.addEventListener('abort', onStop, { once: true });
    if (stop.aborted) onStop();
    const slot = Promise.withResolvers<void>();
    const whole = this.#toTheEnd(delivery, request, entry, slot.resolve).finally(() => {
      entry.log.close();
      stop.removeEventListener('abort', onStop);
      forget();
      running.delete(run);
      slot.resolve();
    });
    this.#track(whole);
    await slot.promise;
  }

  async #toTheEnd(
    delivery: Delivery,
    request: RunRequest,
    entry: RunningRun,
    freeSlot: () => void,
  ): Promise<void> {
    const { link } = this.#options;
    try {
      const end = await this.#claimAndRun(delivery, request, entry);
      if (end === undefined) return;
      // The next request is fetched while this end is stored: one end a slot, so that what waits
      // for a stream that takes nothing stays bounded.
      if (this.#ending < this.#options.slots) freeSlot();
      await this.#end(entry, end);
    } catch (error) {
      if (entry.controller.signal.reason instanceof RunCancelled) {
        acknowledge(link, entry.reply);
      } else {
        const reason = toError(error).message;
        this.#options.log.warn({ ...entry.names, reason }, 'request given back');
        giveBack(link, entry.reply, AWAY_RETRY_MS);
      }
    }
  }

  /** @returns the end to be stored, or undefined when there is nothing more to do. */
  async #claimAndRun(
    delivery: Delivery,
    request: RunRequest,
    entry: RunningRun,
  ): Promise<RunEnd | undefined> {
    const { link, log } = this.#options;
    const { run } = request;
    const opened = await entry.log.open(entry.controller.signal);
    if (opened.kind === 'ended') {
      acknowledge(link, entry.reply);
      return undefined;
    }
    if (opened.kind === 'busy') {
      giveBack(link, entry.reply, BUSY_RETRY_MS);
      return undefined;
    }
    entry.claimed = true;
    if (opened.kind === 'lost') {
      log.warn({ ...entry.names, attempt: opened.attempt }, 'run ended: its worker was lost');
      return WORKER_LOST;
    }
    const early = this.#endWithoutRunning(delivery, request, opened);
    if (early !== undefined) {
      if (early.code === 'too_many_attempts') {
        await keepDeadLetter(link, this.#options.pool, delivery, early.code);
      }
      const fields = { ...entry.names, code: early.code, attempt: opened.attempt };
      log.warn(fields, 'run ended without running');
      return failed(early);
    }
    const context = new RunContext({
      run,
      requestId: request.requestId,
      attempt: opened.attempt,
      signal: entry.controller.signal,
    });
    const end = await this.#iterate(request, context, entry);
    const { aborted, reason } = entry.controller.signal;
    if (aborted && reason instanceof RunCancelled) {
      acknowledge(link, entry.reply);
      return undefined;
    }
    if (aborted && reason instanceof LeaseLost) {
      log.warn(entry.names, 'run stopped: its claim ran out');
      return undefined;
    }
    return end ?? this.#handBack(entry);
  }

  /** Runs the handler to its end. @returns undefined when the worker stopped it. */
  async #iterate(
    request: RunRequest,
    context: RunContext,
    entry: RunningRun,
  ): Promise<RunEnd | undefined> {
    const { signal } = entry.controller;
    if (signal.aborted) return undefined;
    try {
      const events = await this.#options.handler(request, context);
      for await (const event of events) {
        if (isEnd(event)) return event;
        if (signal.aborted) return undefined;
        const room = entry.log.emit(event);
        if (room !== undefined) await room;
      }
      throw new SwitchboardError('internal_error', 'The agent stopped without an end.');
    } catch (error) {
      if (signal.aborted) return undefined;
      if (error instanceof SwitchboardError) return failed(error);
      this.#options.log.error({ ...entry.names, err: toError(error) }, 'the agent threw');
      return failed(new SwitchboardError('internal_error', 'The agent failed unexpectedly.'));
    }
  }

  #endWithoutRunning(
    delivery: Delivery,
    request: RunRequest,
    { attempt, lostBefore }: { attempt: number; lostBefore: number },
  ): SwitchboardError | undefined {
    if (lostBefore >= MAX_ATTEMPTS) {
      return new SwitchboardError(
        'too_many_attempts',
        `The run was given up: ${MAX_ATTEMPTS} workers were lost while they ran it.`,
      );
    }
    // The gateway's own act; this is for requests whose gateway is gone.
    const waitedMs = Date.now() - storedAtMs(delivery);
    if (attempt === 1 && waitedMs > request.queueTimeoutMs + CLOCK_SKEW_MS) {
      return new SwitchboardError('queue_timeout', 'No slot became free in time.');
    }
    return undefined;
  }

  async #end(entry: RunningRun, end: RunEnd): Promise<void> {
    this.#ending += 1;
    let outcome: 'stored' | 'lost';
    try {
      outcome = await entry.log.end(end, this.#options.giveUp);
    } finally {
      this.#ending -= 1;
    }
    if (outcome === 'lost') {
      const fields = { ...entry.names, outcome: end.type };
      this.#options.log.warn(fields, 'somebody else had ended the run');
    }
    acknowledge(this.#options.link, entry.reply);
  }

  /** Resolves when no end is under way any more. Never rejects. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #track(promise: Promise<void>): void {
    const tracked = promise.finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }

  /**
   * The worker stops: what has shown nothing may run elsewhere, the rest ends here.
   * @returns that end.
   */
  async #handBack(entry: RunningRun): Promise<RunEnd | undefined> {
    const { link, log, ring } = this.#options;
    if (entry.log.shown) {
      log.warn(entry.names, 'run ended: its worker had to stop');
      return WORKER_LOST;
    }
    await entry.log.handBack();
    giveBack(link, entry.reply, 0);
    ring();
    log.info(entry.names, 'run handed back');
    return undefined;
  }

  async #discardUnreadable(delivery: Delivery): Promise<void> {
    const { link, pool, log } = this.#options;
    log.error({ subject: delivery.subject }, 'a request could not be read; kept as a dead letter');
    try {
      await keepDeadLetter(link, pool, delivery, 'unreadable');
      acknowledge(link, delivery.reply);
    } catch (error) {
      log.warn({ reason: toError(error).message }, 'dead letter not kept; trying again');
      giveBack(link, delivery.reply, AWAY_RETRY_MS);
    }
  }
}

/** The abort reason of a run that outlived its worker's drain. */
export class WorkerStopping extends Error {
  constructor() {
    super('the worker stops');
    this.name = 'WorkerStopping';
  }
}

const WORKER_LOST: RunEnd = {
  type: 'failed',
  code: 'worker_lost',
  message: 'The worker that ran this was lost after it had begun to answer.',
};

function failed(error: SwitchboardError): RunEnd & { type: 'failed' } {
  const { code, message, param, retryAfterMs } = error;
  return {
    type: 'failed',
    code,
    message,
    ...(param === undefined ? {} : { param }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

function parseRequest(data: Uint8Array): RunRequest | undefined {
  try {
    return RunRequest.parse(JSON.parse(new TextDecoder().decode(data)));
  } catch {
    // Unreadable by any worker of this version: the caller keeps it as a dead letter.
    return undefined;
  }
}
