import type { AgentCard, RunRequest } from '@switchboard/contract';
import type { TransportLog } from '../link/log.ts';
import type { NatsLink } from '../link/nats-link.ts';
import type { LoadInput } from './request-input.ts';

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
   * The longest that a run of this request may take: its agent profile's `timeout`. The handler
   * keeps it; one that does not is stopped. Default: no limit from here.
   */
  readonly runTimeoutMs?: ((request: RunRequest) => number | undefined) | undefined;
  /**
   * Handlers that do not end have piled up: the process should stop taking, let its runs end, and
   * be replaced. May be called more than once. Must not throw.
   */
  readonly onWorn?: ((reason: string) => void) | undefined;
  /**
   * What this worker can run, told to gateways, so that they admit requests for it without a
   * profile of their own: at most `AGENT_CARDS_MAX` of them. Asked a few times a second: another
   * array when something has changed, the same one otherwise. Default: nothing is told.
   */
  readonly agents?: (() => readonly AgentCard[]) | undefined;
  /**
   * Whether this worker can run an agent. What it cannot run it gives back for a while: another
   * worker of its pool, of a newer version, may. Default: it can run all.
   */
  readonly knows?: ((agent: string) => boolean) | undefined;
  /**
   * Reads the input of a request that was too large for a message; undefined when it is not stored
   * (any more). May throw while NATS is away. Without it such requests fail as `request_lost`.
   */
  readonly loadInput?: LoadInput | undefined;
  /** A gateway that was not heard for so long is lost. Default 12,000 ms. */
  readonly gatewayLostMs?: number | undefined;
  readonly log: TransportLog;
}
