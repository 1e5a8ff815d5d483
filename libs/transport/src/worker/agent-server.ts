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
import { RequestSource } from './request-source.ts';
import { RunExecutor } from './run-executor.ts';
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
  readonly #slots: SlotPool<Delivery>;
  readonly #announcer: FleetAnnouncer;
  readonly #closing = new AbortController();
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
      busy: () => this.#slots.busy,
      draining: () => this.#slots.state !== 'running',
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
      loadInput: this.#options.loadInput,
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
  }

  /** Resolves when nothing runs any more; call `stopIntake` first. */
  get drained(): Promise<void> {
    return this.#slots.drained;
  }

  /** Aborts what still runs: runs that have shown nothing are handed back, others end. */
  abort(): void {
    this.#slots.abort();
  }

  /** Stops at once what is still going on. The connection belongs to the caller. */
  async close(): Promise<void> {
    this.#slots.abort();
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

  #onMade(made: boolean): void {
    this.#source.ready = made;
    if (!made) return;
    this.#ready = true;
    this.#listening.resolve();
  }
}
