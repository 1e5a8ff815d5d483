/** Everything of the gateway that speaks to NATS, built from the configuration and begun. */
import { setTimeout as pause } from 'node:timers/promises';
import { inboxPrefix, newGatewayToken } from '@switchboard/contract';
import type { AgentProfile } from '@switchboard/contract';
import { ConfigError, natsAddress } from '@switchboard/platform/config';
import type { Logger } from '@switchboard/platform/logging';
import { Fleet, NatsLink, RunClient, StateStore } from '@switchboard/transport';
import type { GatewayConfig } from './config.ts';
import { openEntrance } from './entrance/open-entrance.ts';
import type { Entrance } from './entrance/entrance.ts';

/** An input that nobody deleted, because its run has no end: only a backstop. */
const INPUTS_TTL_MS = 86_400_000;

export interface Queue {
  readonly link: NatsLink;
  readonly runs: RunClient;
  readonly fleet: Fleet;
  readonly state: StateStore;
  readonly entrance: Entrance;
  readonly closeEntrance: () => void;
  /**
   * Returns when the queues of all their pools are made, or after {@link PREPARE_MS}: whoever asks
   * for an agent of a pool that still has none is refused, with 503, until it has.
   * @throws ConfigError there are more pools than a gateway takes
   */
  readonly prepare: (profiles: readonly AgentProfile[]) => Promise<void>;
}

/** How long new agents wait for their queues, which another process may forbid to be made. */
const PREPARE_MS = 5_000;
const PREPARE_PAUSE_MS = 20;

/** Returns at once; NATS may be away. What it returns is closed by the caller, the link last. */
export function openQueue(
  config: GatewayConfig,
  profiles: readonly AgentProfile[],
  log: Logger,
): Queue {
  const link = NatsLink.open({
    ...natsAddress(config),
    name: 'switchboard-gateway',
    inboxPrefix: inboxPrefix('gateway'),
    log,
  });
  const token = newGatewayToken();
  const fleet = new Fleet(link, {
    pools: poolsOf(profiles),
    onPool: (pool) => {
      log.info({ pool }, 'a pool that was not there at the start: its queue is made');
      runs.addPool(pool);
      addPool(pool);
    },
    log,
  });
  fleet.start();
  const runs = new RunClient(link, {
    gateway: token,
    pools: poolsOf(profiles),
    queue: fleet,
    replicas: config.natsReplicas,
    maxOutstanding: config.maxOutstanding,
    maxOutstandingBytes: config.maxOutstandingBytes,
    maxOutstandingPerUser: config.maxOutstandingPerUser,
    eventsMaxBytes: config.eventsMaxBytes,
    eventsMaxAgeMs: config.eventsMaxAgeMs,
    log,
  });
  runs.start();
  const {
    entrance,
    addPool,
    close: closeEntrance,
  } = openEntrance({
    link,
    runs,
    fleet,
    gateway: token,
    replicas: config.natsReplicas,
    countersMaxBytes: config.countersMaxBytes,
    maxOutstandingPerUser: config.maxOutstandingPerUser,
    log,
  });
  const state = new StateStore(link, {
    replicas: config.natsReplicas,
    responsesTtlMs: config.responsesTtlMs,
    responsesMaxBytes: config.responsesMaxBytes,
    idempotencyTtlMs: config.idempotencyTtlMs,
    idempotencyMaxBytes: config.idempotencyMaxBytes,
    inputsTtlMs: INPUTS_TTL_MS,
    inputsMaxBytes: config.inputsMaxBytes,
    log,
  });
  state.start();
  const prepare = async (next: readonly AgentProfile[]): Promise<void> => {
    await preparePools(poolsOf(next), fleet, runs);
  };
  return { link, runs, fleet, state, entrance, closeEntrance, prepare };
}

async function preparePools(
  pools: readonly string[],
  fleet: Fleet,
  runs: RunClient,
): Promise<void> {
  for (const pool of pools) {
    if (!fleet.addPool(pool)) throw new ConfigError(['AGENTS_FILE: there are too many pools']);
  }
  const untilMs = performance.now() + PREPARE_MS;
  while (!pools.every((pool) => runs.hasPool(pool)) && performance.now() < untilMs) {
    await pause(PREPARE_PAUSE_MS, undefined, { ref: false });
  }
}

function poolsOf(profiles: readonly AgentProfile[]): string[] {
  return [...new Set(profiles.map(({ pool }) => pool))];
}
