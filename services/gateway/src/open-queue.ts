/** Everything of the gateway that speaks to NATS, built from the configuration and begun. */
import { inboxPrefix, newGatewayToken } from '@switchboard/contract';
import type { AgentProfile } from '@switchboard/contract';
import { natsAddress } from '@switchboard/platform/config';
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
}

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
      log.info({ pool }, 'a pool that only its workers named: its queue is made');
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
  return { link, runs, fleet, state, entrance, closeEntrance };
}

function poolsOf(profiles: readonly AgentProfile[]): string[] {
  return [...new Set(profiles.map(({ pool }) => pool))];
}
