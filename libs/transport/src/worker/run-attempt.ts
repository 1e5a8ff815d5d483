/**
 * One request in one slot: refuse or claim it, run it, store its end, acknowledge it.
 *
 * The order never changes: the end is stored, then the request is acknowledged. A request whose end
 * could not be stored is not acknowledged; it comes back and meets the fence.
 */
import { type RunEnd, type RunRequest, toError } from '@switchboard/contract';
import { readEarlierCalls } from '../events/earlier-calls.ts';
import type { TransportLog } from '../link/log.ts';
import type { NatsLink } from '../link/nats-link.ts';
import { purgeLate } from '../state/purge-run.ts';
import { RunCancelled } from './cancellations.ts';
import { keepDeadLetter } from './dead-letters.ts';
import { acknowledge, AWAY_RETRY_MS, type Delivery, giveBack, isStale } from './delivery.ts';
import type { CallerStanding, WatchedRun } from './gateways.ts';
import { leaveToOthers, leaveUnread, refusalOf } from './refusals.ts';
import { type LoadInput, withInput } from './request-input.ts';
import type { Opened } from './run-claim.ts';
import { RunContext } from './run-context.ts';
import { CALLER_GONE, CallerLost, failed, INPUT_LOST, WORKER_LOST } from './run-ends.ts';
import type { RunGate } from './run-gate.ts';
import { type AgentHandler, runHandler } from './run-handler.ts';
import { RunOverdue, stopWhenOverdue } from './run-limit.ts';
import { LeaseLost, type RunningRun } from './running.ts';
import { openRun, SUSPECT_RETRY_MS } from './suspects.ts';

export interface AttemptOptions {
  readonly link: NatsLink;
  readonly pool: string;
  readonly handler: AgentHandler;
  /** Wakes an idle worker. */
  readonly ring: () => void;
  /** Whether anybody may still wait for a run. */
  readonly callerOf: (run: WatchedRun) => CallerStanding;
  /** Whether this worker can run an agent; default: it can run all. */
  readonly knows?: ((agent: string) => boolean) | undefined;
  /** Whether a run whose worker was lost after it had shown output is run again. */
  readonly restarts: (request: RunRequest) => boolean;
  /** The longest that a run of this request may take; undefined: the handler sees to it. */
  readonly runTimeoutMs: (request: RunRequest) => number | undefined;
  readonly loadInput: LoadInput | undefined;
  readonly gate: RunGate;
  /** See `SuspectOptions`. */
  readonly mayClose: () => Promise<boolean>;
  /** A handler was left to itself: it did not end when it was told to. */
  readonly onAbandoned: (agent: string) => void;
  /** This process should be replaced; why. */
  readonly onWorn: (reason: string) => void;
  /** Aborts when the process must go even if ends cannot be stored: the requests come back then. */
  readonly giveUp: AbortSignal;
  readonly log: TransportLog;
}

/**
 * When a run is claimed by somebody else, its request is looked at again after this long, or when
 * the claim will have run out if that is sooner.
 */
const BUSY_RETRY_MS = 4_000;

export class RunAttempt {
  readonly #options: AttemptOptions;
  readonly #delivery: Delivery;
  readonly #request: RunRequest;
  readonly #entry: RunningRun;
  /** Whether its time in the slot says how long runs take: it was run, and waited for nobody. */
  answered = false;

  constructor(options: AttemptOptions, delivery: Delivery, request: RunRequest, entry: RunningRun) {
    this.#options = options;
    this.#delivery = delivery;
    this.#request = request;
    this.#entry = entry;
  }

  /**
   * @returns the end to be stored, or undefined when there is nothing more to do.
   * @throws what must lead to {@link RunAttempt.undo}
   */
  async run(): Promise<RunEnd | undefined> {
    const { link } = this.#options;
    const entry = this.#entry;
    // A stale one is left untouched: whoever was given it since has it.
    if (this.#isStale || (await this.#isLeftUnread()) || this.#isStale) return undefined;
    if (this.#isForOthers()) return undefined;
    // Asked once: as what it was claimed, so it is treated.
    const unread = this.#options.callerOf(this.#request) === 'abandoned';
    const opened = await openRun(entry, { ...this.#options, restart: this.#restarts, unread });
    if (opened.kind === 'ended') {
      acknowledge(link, entry.reply);
      return undefined;
    }
    if (opened.kind === 'busy') {
      giveBack(link, entry.reply, Math.min(BUSY_RETRY_MS, Math.ceil(opened.againMs)));
      return undefined;
    }
    if (opened.kind === 'suspect') {
      giveBack(link, entry.reply, SUSPECT_RETRY_MS);
      return undefined;
    }
    entry.claimed = true;
    if (opened.kind === 'lost') {
      this.#warn('run ended: its worker was lost', { attempt: opened.attempt });
      return WORKER_LOST;
    }
    const refused = await this.#refusal(opened);
    if (refused !== undefined) return refused;
    if (unread) return this.#endUnread();
    const { attempt, lostBefore } = opened;
    if (lostBefore > 0) this.#warn('run begun again: its worker was lost', { attempt, lostBefore });
    return this.#outcome(await this.#answer(attempt));
  }

  /** Stores the end, then acknowledges the request. Rejects when it gave up. */
  async end(end: RunEnd): Promise<void> {
    const { link, giveUp } = this.#options;
    const outcome = await this.#entry.log.end(end, giveUp);
    if (outcome !== 'stored') {
      const what = outcome === 'ended' ? 'somebody else had ended the run' : 'the run was lost';
      this.#warn(what, { end: end.type });
      this.#purgeLate();
    }
    // Who has the run now needs its request: it comes back when that worker dies, too.
    if (outcome !== 'lost') acknowledge(link, this.#entry.reply);
  }

  /** What could not be done is left to whoever takes the request next. */
  undo(error: unknown): void {
    const { link } = this.#options;
    const { controller, reply } = this.#entry;
    if (controller.signal.reason instanceof RunCancelled) return acknowledge(link, reply);
    this.#warn('request given back', { reason: toError(error).message });
    giveBack(link, reply, AWAY_RETRY_MS);
  }

  get #isStale(): boolean {
    return isStale(this.#delivery);
  }

  get #restarts(): boolean {
    return this.#options.restarts(this.#request);
  }

  async #isLeftUnread(): Promise<boolean> {
    const { link, log, callerOf } = this.#options;
    const { names, reply } = this.#entry;
    const done = await leaveUnread(link, { run: names.run, reply }, callerOf(this.#request));
    if (done === 'ended') log.info(names, 'run ended without running: its gateway was lost');
    return done !== undefined;
  }

  #isForOthers(): boolean {
    const { link, log, knows } = this.#options;
    const { agent } = this.#request;
    if (knows === undefined || knows(agent)) return false;
    const { names, reply } = this.#entry;
    if (!leaveToOthers(link, this.#delivery, reply)) return false;
    log.info({ ...names, agent }, 'request given back: this worker does not know its agent');
    return true;
  }

  /** The end of a run that was claimed and is not to be run. @throws StoreError */
  async #refusal(opened: Opened & { readonly kind: 'started' }): Promise<RunEnd | undefined> {
    const early = refusalOf(this.#delivery, this.#request, opened);
    if (early === undefined) return undefined;
    const { link, pool } = this.#options;
    if (early.code === 'too_many_attempts') {
      const why = { reason: early.code, run: this.#entry.names.run };
      await keepDeadLetter(link, pool, this.#delivery, why);
    }
    this.#warn('run ended without running', { code: early.code, attempt: opened.attempt });
    return failed(early);
  }

  /** @returns undefined when the run was stopped, or must be given back. */
  async #answer(attempt: number): Promise<RunEnd | undefined> {
    const { names, controller, log, pass } = this.#entry;
    const { signal } = controller;
    const { gate, onAbandoned, runTimeoutMs } = this.#options;
    const loaded = await withInput(this.#request, this.#options.loadInput, signal);
    if (loaded.kind === 'away') return undefined;
    if (loaded.kind === 'missing') return INPUT_LOST;
    this.answered = !gate.closed;
    const abandon = (handler: Promise<unknown>): void => {
      pass.abandon(handler);
      onAbandoned(this.#request.agent);
    };
    const context = new RunContext({
      ...names,
      attempt,
      signal,
      stored: () => log.stored(signal),
      earlierCalls: () => readEarlierCalls(this.#options.link, names.run, attempt),
      abandon,
    });
    const callOff = stopWhenOverdue(controller, runTimeoutMs(this.#request));
    try {
      return await runHandler({ ...this.#options, abandon }, loaded.request, context, log);
    } finally {
      callOff();
    }
  }

  /** What becomes of a run whose handler has ended, or was stopped. */
  async #outcome(end: RunEnd | undefined): Promise<RunEnd | undefined> {
    const { link } = this.#options;
    const { controller, reply } = this.#entry;
    const { aborted, reason } = controller.signal;
    if (aborted && reason instanceof RunCancelled) {
      this.#purgeLate();
      acknowledge(link, reply);
      return undefined;
    }
    if (aborted && reason instanceof LeaseLost) {
      this.#warn('run stopped: its claim ran out');
      this.#purgeLate();
      return undefined;
    }
    if (aborted && reason instanceof CallerLost) return this.#endUnread();
    if (aborted && reason instanceof RunOverdue) return end ?? failed(reason.error);
    return end ?? this.#handBack();
  }

  #endUnread(): RunEnd {
    this.#options.log.info(this.#entry.names, 'run ended: its gateway was lost');
    return CALLER_GONE;
  }

  /**
   * The worker stops: what has shown nothing, or may be begun again, runs elsewhere; the rest ends.
   * @returns that end.
   */
  async #handBack(): Promise<RunEnd | undefined> {
    const { link, log, ring } = this.#options;
    const entry = this.#entry;
    if (entry.log.shown && !this.#restarts) {
      this.#warn('run ended: its worker had to stop');
      return WORKER_LOST;
    }
    await entry.log.handBack();
    giveBack(link, entry.reply, 0);
    ring();
    log.info(entry.names, 'run handed back');
    return undefined;
  }

  /** What was written after somebody else's end does not outlive the rest of the run. */
  #purgeLate(): void {
    const { link, log } = this.#options;
    const { names } = this.#entry;
    void purgeLate(link, names.run).catch((error: unknown) => {
      log.debug({ ...names, reason: toError(error).message }, 'not purged late');
    });
  }

  #warn(message: string, fields: object = {}): void {
    this.#options.log.warn({ ...this.#entry.names, ...fields }, message);
  }
}
