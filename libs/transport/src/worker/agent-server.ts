/**
 * The Nest transport of the agent worker: pulls requests into a bounded pool of slots, hands each
 * to the handler of `agent.run` and writes down what it yields.
 *
 * Nest's own NATS transport has no bound, no backpressure, no cancel and drains by sleeping; this
 * one exists for those four.
 */
import { type CustomTransportStrategy, Server } from '@nestjs/microservices';
import { toError } from '@switchboard/contract';
import { type PoolState, SlotPool } from '@switchboard/pool';
import { FleetAnnouncer } from '../fleet/announcer.ts';
import type { AgentServerOptions } from './agent-server-options.ts';
import { Cancellations } from './cancellations.ts';
import { ConsumerKeeper } from './consumer-keeper.ts';
import type { Delivery } from './delivery.ts';
import { GatewayWatch } from './gateways.ts';
import { OpenShare } from './open-share.ts';
import { RequestSource } from './request-source.ts';
import { RunExecutor } from './run-executor.ts';
import { RunGate } from './run-gate.ts';
import type { AgentHandler } from './run-handler.ts';
import { RunningRuns } from './running.ts';

export type { AgentServerOptions } from './agent-server-options.ts';

/** The pattern of the one handler. */
export const AGENT_RUN = 'agent.run';

/** How long the ends of aborted runs may take to be stored. */
const CLOSE_GRACE_MS = 5_000;

export class AgentServer extends Server implements CustomTransportStrategy {
  override readonly transportId = Symbol.for('switchboard.agent-server');
  readonly #options: AgentServerOptions;
  readonly #source: RequestSource;
  readonly #consumers: ConsumerKeeper;
  readonly #cancellations: Cancellations;
  readonly #running: RunningRuns;
  readonly #gateways: GatewayWatch;
  readonly #gate: RunGate;
  readonly #openShare: OpenShare;
  readonly #slots: SlotPool<Delivery>;
  readonly #announcer: FleetAnnouncer;
  readonly #closing = new AbortController();
  /** Agents of which it was said that they do not heed their signal. */
  readonly #heedless = new Set<string>();
  readonly #listening = Promise.withResolvers<void>();
  #executor: RunExecutor | undefined;
  #removeListener: (() => void) | undefined;
  #ready = false;

  constructor(options: AgentServerOptions) {
    super();
    this.#options = options;
    const { link, pool, log } = options;
    this.#cancellations = new Cancellations(link);
    this.#running = new RunningRuns(link);
    this.#gateways = new GatewayWatch(link, {
      lostMs: options.gatewayLostMs,
      onTick: () => this.#executor?.endAbandoned(),
    });
    this.#source = new RequestSource({
      link,
      pool,
      log,
      onRefused: (reason) => this.#consumers.refused(reason),
    });
    this.#consumers = new ConsumerKeeper(link, {
      pool,
      log,
      onMade: (made) => this.#onMade(made),
    });
    this.#gate = new RunGate({ onChange: (closed) => this.#onGate(closed) });
    this.#openShare = new OpenShare({ link, pool, onChange: () => this.#announcer.changed() });
    this.#slots = new SlotPool({
      size: options.size,
      source: this.#source,
      run: (delivery, signal) => this.#run(delivery, signal),
      onError: (error) => log.error({ err: toError(error) }, 'a slot caught an unforeseen error'),
      onChange: () => this.#announcer.changed(),
    });
    this.#announcer = new FleetAnnouncer(link, {
      pool,
      worker: options.worker,
      slots: options.size,
      // While a suspect is alone, or waits for that, no slot is free to anybody.
      busy: () => (this.#gate.closed ? options.size : this.#slots.busy),
      draining: () => this.#slots.state !== 'running',
      closed: () => (this.#gate.closed ? 'yes' : this.#openShare.asks ? 'asks' : undefined),
      agents: options.agents,
    });
  }

  /** Whether requests are being pulled. A full pool is ready; a draining one is not. */
  get ready(): boolean {
    return this.#ready && this.#options.link.connected && this.#slots.state === 'running';
  }

  get state(): PoolState {
    return this.#slots.state;
  }

  get busy(): number {
    return this.#slots.busy;
  }

  /** Handlers that did not end when they were told to, and still go on. */
  get abandoned(): number {
    return this.#gate.abandoned;
  }

  /** Resolves when the first pull has become possible. */
  get listening(): Promise<void> {
    return this.#listening.promise;
  }

  /** Nest: the handlers are known. Begins to pull as soon as NATS and the streams are there. */
  listen(callback: (error?: unknown) => void): void {
    const handler = this.getHandlerByPattern(AGENT_RUN);
    if (handler === null) {
      callback(new Error(`no handler for the pattern ${AGENT_RUN}`));
      return;
    }
    const { link, pool, worker, log } = this.#options;
    this.#executor = new RunExecutor({
      link,
      pool,
      slots: this.#options.size,
      worker,
      handler: handler as unknown as AgentHandler,
      running: this.#running,
      cancellations: this.#cancellations,
      onServed: (slotMs) => this.#announcer.served(slotMs),
      ring: () => this.#source.ring(),
      callerOf: (run) => this.#gateways.standing(run),
      knows: this.#options.knows,
      restarts: (request) => this.#options.onWorkerLost?.(request) === 'restart',
      runTimeoutMs: (request) => this.#options.runTimeoutMs?.(request),
      loadInput: this.#options.loadInput,
      gate: this.#gate,
      mayClose: () => this.#openShare.mayClose(this.#announcer.token),
      onAbandoned: (agent) => this.#onAbandoned(agent),
      onWorn: (reason) => this.#onWorn(reason),
      giveUp: this.#closing.signal,
      log,
    });
    this.#slots.start();
    this.#announcer.start();
    this.#removeListener = link.listen({
      up: () => {
        this.#running.renewAll();
        void this.#consumers.make();
        void this.#running.cancelEnded(this.#closing.signal);
      },
      down: () => {
        this.#source.ready = false;
        this.#ready = false;
      },
    });
    callback();
  }

  /** Stops pulling; running runs go on. Idempotent. */
  stopIntake(): void {
    this.#slots.stop();
    this.#gate.stop();
  }

  /** Resolves when nothing runs any more; call `stopIntake` first. */
  get drained(): Promise<void> {
    return this.#slots.drained;
  }

  /** Aborts what still runs: runs that have shown nothing are handed back, others end. */
  abort(): void {
    this.#slots.abort();
    this.#gate.stop();
  }

  /** Stops at once what is still going on. The connection belongs to the caller. */
  async close(): Promise<void> {
    this.abort();
    const timer = setTimeout(() => this.#closing.abort(), CLOSE_GRACE_MS);
    await this.#slots.drained;
    this.#announcer.close();
    await this.#executor?.settled();
    clearTimeout(timer);
    this.#closing.abort();
    this.#removeListener?.();
    this.#consumers.close();
    this.#source.close();
    this.#cancellations.close();
    this.#running.close();
    this.#gateways.close();
  }

  override on(): never {
    throw new Error('the agent server has no events to listen to');
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- Nest's signature
  override unwrap<T>(): T {
    return this.#options.link as T;
  }

  #run(delivery: Delivery, signal: AbortSignal): Promise<void> {
    if (this.#executor === undefined) throw new Error('a request came before listen()');
    return this.#executor.execute(delivery, signal);
  }

  #onGate(closed: boolean): void {
    this.#source.paused = closed;
    this.#announcer.changed();
  }

  #onAbandoned(agent: string): void {
    const { log, size } = this.#options;
    if (!this.#heedless.has(agent)) {
      this.#heedless.add(agent);
      log.error({ agent }, 'an agent does not heed its signal: its handler was left to itself');
    }
    if (this.#gate.abandoned >= size)
      this.#onWorn('as many handlers were abandoned as it has slots');
  }

  #onWorn(reason: string): void {
    this.#options.onWorn?.(reason);
  }

  #onMade(made: boolean): void {
    this.#source.ready = made;
    if (!made) return;
    this.#ready = true;
    this.#listening.resolve();
  }
}
