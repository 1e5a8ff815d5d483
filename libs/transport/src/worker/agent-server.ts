/**
 * The Nest transport of the agent worker: pulls requests into a bounded pool of slots, hands each
 * to the handler of `agent.run` and writes down what it yields.
 *
 * Nest's own NATS transport has no bound, no backpressure, no cancel and drains by sleeping; this
 * one exists for those four.
 */
import { type CustomTransportStrategy, Server } from '@nestjs/microservices';
import { type RunRequest, toError } from '@switchboard/contract';
import { type PoolState, SlotPool } from '@switchboard/pool';
import { hasEnd } from '../events/log-reader.ts';
import type { TransportLog } from '../link/log.ts';
import { abortableSleep, type NatsLink } from '../link/nats-link.ts';
import { ensureConsumers } from '../link/topology.ts';
import { Cancellations, RunCancelled } from './cancellations.ts';
import type { Delivery } from './delivery.ts';
import { GatewayWatch } from './gateways.ts';
import type { LoadInput } from './request-input.ts';
import { RequestSource } from './request-source.ts';
import { type AgentHandler, RunExecutor } from './run-executor.ts';
import { RunningRuns } from './running.ts';

/** The pattern of the one handler. */
export const AGENT_RUN = 'agent.run';

/** How long the ends of aborted runs may take to be stored. */
const CLOSE_GRACE_MS = 5_000;

export interface AgentServerOptions {
  readonly link: NatsLink;
  /** Worker class: which `REQUESTS_<pool>` this worker serves. */
  readonly pool: string;
  /** Slots, 1 to 10,000. */
  readonly size: number;
  /** Shown in run events and logs. */
  readonly worker: string;
  /**
   * What becomes of a run whose worker was lost after it had shown output: its agent profile's
   * `on_worker_lost`. Default: every such run fails.
   */
  readonly onWorkerLost?: ((request: RunRequest) => 'fail' | 'restart') | undefined;
  /**
   * Reads the input of a request that was too large for a message; undefined when it is not stored
   * (any more). May throw while NATS is away. Without it such requests fail as `request_lost`.
   */
  readonly loadInput?: LoadInput | undefined;
  /** A gateway that was not heard for so long is lost. Default 12,000 ms. */
  readonly gatewayLostMs?: number | undefined;
  readonly log: TransportLog;
}

export class AgentServer extends Server implements CustomTransportStrategy {
  override readonly transportId = Symbol.for('switchboard.agent-server');
  readonly #options: AgentServerOptions;
  readonly #source: RequestSource;
  readonly #cancellations: Cancellations;
  readonly #running: RunningRuns;
  readonly #gateways: GatewayWatch;
  readonly #slots: SlotPool<Delivery>;
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
      onRefused: (reason) => {
        log.warn({ reason }, 'the queue refused a pull; setting its consumers up again');
        void this.#ensure(link.epoch);
      },
    });
    this.#slots = new SlotPool({
      size: options.size,
      source: this.#source,
      run: (delivery, signal) => this.#run(delivery, signal),
      onError: (error) => log.error({ err: toError(error) }, 'a slot caught an unforeseen error'),
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
      ring: () => this.#source.ring(),
      callerOf: (run) => this.#gateways.standing(run),
      restarts: (request) => this.#options.onWorkerLost?.(request) === 'restart',
      loadInput: this.#options.loadInput,
      giveUp: this.#closing.signal,
      log,
    });
    this.#slots.start();
    this.#removeListener = link.listen({
      up: () => {
        this.#running.renewAll();
        void this.#ensure(link.epoch);
        void this.#cancelEndedRuns(link.epoch);
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
    await this.#executor?.settled();
    clearTimeout(timer);
    this.#closing.abort();
    this.#removeListener?.();
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

  /** Makes the consumers, for as long as it takes: the gateway makes the streams. */
  async #ensure(epoch: number): Promise<void> {
    this.#source.ready = false;
    const { link, pool, log } = this.#options;
    let reported = '';
    while (!this.#closing.signal.aborted && link.connected && link.epoch === epoch) {
      try {
        await ensureConsumers(link.connection, pool);
        if (link.epoch !== epoch) return;
        this.#source.ready = true;
        this.#ready = true;
        this.#listening.resolve();
        return;
      } catch (error) {
        const reason = toError(error).message;
        if (reason !== reported) log.info({ reason, pool }, 'waiting for the request queue');
        reported = reason;
        await abortableSleep(250, this.#closing.signal);
      }
    }
  }

  /** A cancel that was sent while this worker was away was not heard: the log knows. */
  async #cancelEndedRuns(epoch: number): Promise<void> {
    const { link } = this.#options;
    for (const [run, { controller, claimed }] of this.#running) {
      for (let known = !claimed; !known && link.epoch === epoch && link.connected;) {
        try {
          if (await hasEnd(link, run)) controller.abort(new RunCancelled());
          known = true;
        } catch {
          // During an election nobody answers for a while.
          await abortableSleep(250, this.#closing.signal);
        }
      }
    }
  }
}
