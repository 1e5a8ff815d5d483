/**
 * What a slot does with one request: claim, run, write down, end, acknowledge.
 *
 * The order never changes: the end is stored, then the request is acknowledged. A request whose end
 * could not be stored is not acknowledged; it comes back and meets the fence.
 */
import {
  isEnd,
  type RunEnd,
  type RunEvent,
  type RunRequest,
  SwitchboardError,
  toError,
} from '@switchboard/contract';
import type { TransportLog } from '../link/log.ts';
import type { NatsLink } from '../link/nats-link.ts';
import { purgeLate } from '../state/purge-run.ts';
import { type Cancellations, RunCancelled } from './cancellations.ts';
import { keepDeadLetter } from './dead-letters.ts';
import { acknowledge, type Delivery, giveBack, inProgress } from './delivery.ts';
import type { CallerStanding, WatchedRun } from './gateways.ts';
import { endUnbegun, refusalOf } from './refusals.ts';
import { type LoadInput, parseRequest, withInput } from './request-input.ts';
import type { Opened } from './run-claim.ts';
import { RunContext } from './run-context.ts';
import { CALLER_GONE, CallerLost, failed, WORKER_LOST, WorkerStopping } from './run-ends.ts';
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
  /** Whether anybody may still wait for a run. */
  readonly callerOf: (run: WatchedRun) => CallerStanding;
  /** Whether a run whose worker was lost after it had shown output is run again. */
  readonly restarts: (request: RunRequest) => boolean;
  readonly loadInput: LoadInput | undefined;
  /** Aborts when the process must go even if ends cannot be stored: the requests come back then. */
  readonly giveUp: AbortSignal;
  readonly log: TransportLog;
}

/** When a run is claimed by somebody else, its request is looked at again after this long. */
const BUSY_RETRY_MS = 4_000;
/** When the queue's log cannot be read, likewise. */
const AWAY_RETRY_MS = 1_000;
/** A queued request whose gateway is lost is looked at again after this long. */
const LOST_RETRY_MS = 2_000;

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
      request,
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

  /** Stops the runs that nobody waits for any more; each ends as if its caller had left. */
  endAbandoned(): void {
    const { running, callerOf } = this.#options;
    for (const [, { request, controller }] of running) {
      if (callerOf(request) === 'abandoned') controller.abort(new CallerLost());
    }
  }

  async #toTheEnd(
    delivery: Delivery,
    request: RunRequest,
    entry: RunningRun,
    freeSlot: () => void,
  ): Promise<void> {
    const { link } = this.#options;
    try {
      if (await this.#isRefused(request, entry)) return;
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

  /** A request whose gateway is lost waits for somebody to come back to it, and ends unrun. */
  async #isRefused(request: RunRequest, entry: RunningRun): Promise<boolean> {
    const { link, log, callerOf } = this.#options;
    const caller = callerOf(request);
    if (caller === 'present') return false;
    if (caller === 'lost') {
      giveBack(link, entry.reply, LOST_RETRY_MS);
      return true;
    }
    // Somebody else's run or end is met by the claim.
    if (!(await endUnbegun(link, request.run))) return false;
    acknowledge(link, entry.reply);
    log.info(entry.names, 'run ended without running: its gateway was lost');
    return true;
  }

  /** @returns the end to be stored, or undefined when there is nothing more to do. */
  async #claimAndRun(
    delivery: Delivery,
    request: RunRequest,
    entry: RunningRun,
  ): Promise<RunEnd | undefined> {
    const { link, log, restarts } = this.#options;
    const opened = await entry.log.open(entry.controller.signal, restarts(request));
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
    const early = refusalOf(delivery, request, opened);
    if (early !== undefined) {
      if (early.code === 'too_many_attempts') {
        await keepDeadLetter(link, this.#options.pool, delivery, early.code);
      }
      const fields = { ...entry.names, code: early.code, attempt: opened.attempt };
      log.warn(fields, 'run ended without running');
      return failed(early);
    }
    const end = await this.#run(request, opened, entry);
    return this.#afterRun(end, entry, restarts(request));
  }

  /** @returns undefined when the run was stopped, or must be given back. */
  async #run(
    request: RunRequest,
    { attempt }: Opened & { kind: 'started' },
    entry: RunningRun,
  ): Promise<RunEnd | undefined> {
    const { run, requestId } = request;
    const { signal } = entry.controller;
    const loaded = await withInput(request, this.#options.loadInput, signal);
    if (loaded.kind === 'away') return undefined;
    if (loaded.kind === 'missing') return INPUT_LOST;
    const context = new RunContext({ run, requestId, attempt, signal });
    return this.#iterate(loaded.request, context, entry);
  }

  /** What becomes of a run whose handler has ended, or was stopped. */
  async #afterRun(
    end: RunEnd | undefined,
    entry: RunningRun,
    restarts: boolean,
  ): Promise<RunEnd | undefined> {
    const { link, log } = this.#options;
    const { aborted, reason } = entry.controller.signal;
    if (aborted && reason instanceof RunCancelled) {
      this.#purgeLate(entry.names);
      acknowledge(link, entry.reply);
      return undefined;
    }
    if (aborted && reason instanceof LeaseLost) {
      log.warn(entry.names, 'run stopped: its claim ran out');
      this.#purgeLate(entry.names);
      return undefined;
    }
    if (aborted && reason instanceof CallerLost) {
      log.info(entry.names, 'run ended: its gateway was lost');
      return CALLER_GONE;
    }
    return end ?? this.#handBack(entry, restarts);
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
      this.#purgeLate(entry.names);
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
   * The worker stops: what has shown nothing, or may be begun again, runs elsewhere; the rest ends.
   * @returns that end.
   */
  async #handBack(entry: RunningRun, restarts: boolean): Promise<RunEnd | undefined> {
    const { link, log, ring } = this.#options;
    if (entry.log.shown && !restarts) {
      log.warn(entry.names, 'run ended: its worker had to stop');
      return WORKER_LOST;
    }
    await entry.log.handBack();
    giveBack(link, entry.reply, 0);
    ring();
    log.info(entry.names, 'run handed back');
    return undefined;
  }

  /** What was written after somebody else's end does not outlive the rest of the run. */
  #purgeLate(names: RunningRun['names']): void {
    void purgeLate(this.#options.link, names.run).catch((error: unknown) => {
      this.#options.log.debug({ ...names, reason: toError(error).message }, 'not purged late');
    });
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

const INPUT_LOST: RunEnd = {
  type: 'failed',
  code: 'request_lost',
  message: 'The input of the request is no longer stored.',
};
