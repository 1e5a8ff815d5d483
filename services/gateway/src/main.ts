/** Starts a gateway from the environment and ends it gracefully on SIGTERM and SIGINT. */
import { newGatewayToken } from '@switchboard/contract';
import {
  ConfigError,
  builtInProfiles,
  loadAgentProfiles,
  natsAddress,
} from '@switchboard/platform/config';
import { Lifecycle, shutdownOnSignals } from '@switchboard/platform/lifecycle';
import { NestLogger, createLogger } from '@switchboard/platform/logging';
import type { Logger } from '@switchboard/platform/logging';
import { NatsLink, RunClient } from '@switchboard/transport';
import { readGatewayConfig } from './config.ts';
import type { GatewayConfig } from './config.ts';
import { Gateway } from './gateway.ts';

const VERSION = '0.1.0';
/** Time after the drain to end what is left and to close. */
const CLOSE_RESERVE_MS = 5_000;

const LOOPBACK = /^(localhost|::1|127(\.\d{1,3}){3})$/;

try {
  await start(readGatewayConfig());
} catch (thrown) {
  const log = createLogger({ name: 'gateway', level: 'info' });
  if (thrown instanceof ConfigError) log.fatal({ problems: thrown.problems }, thrown.message);
  else if (isPortTaken(thrown)) log.fatal({}, 'the port is taken: set PORT to another one');
  else log.fatal({ err: thrown }, 'the gateway could not start');
  process.exit(1);
}

function isPortTaken(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'EADDRINUSE';
}

async function start(config: GatewayConfig): Promise<void> {
  const log = createLogger({ name: 'gateway', level: config.logLevel });
  const builtIn = builtInProfiles({ model: config.openaiModel });
  const profiles = loadAgentProfiles(config.agentsFile, builtIn);
  const link = NatsLink.open({
    ...natsAddress(config),
    name: 'switchboard-gateway',
    log,
  });
  const runs = new RunClient(link, {
    gateway: newGatewayToken(),
    pools: [...new Set(profiles.map((profile) => profile.pool))],
    replicas: config.natsReplicas,
    maxOutstanding: config.maxOutstanding,
    maxOutstandingBytes: config.maxOutstandingBytes,
    maxOutstandingPerUser: config.maxOutstandingPerUser,
    eventsMaxBytes: config.eventsMaxBytes,
    eventsMaxAgeMs: config.eventsMaxAgeMs,
    log,
  });
  runs.start();
  const gateway = await Gateway.create({
    runs,
    queueReady: () => runs.ready,
    profiles,
    version: VERSION,
    log,
    nestLog: new NestLogger(log),
    limits: {
      bodyMaxBytes: config.maxBodyBytes,
      bodyTimeoutMs: config.bodyTimeoutMs,
      heartbeatIntervalMs: config.heartbeatIntervalMs,
      statusHoldMs: config.statusHoldMs,
    },
  });
  const lifecycle = shutdownPhases(config, { gateway, runs, link, log });
  shutdownOnSignals(lifecycle, { log });
  const port = await gateway.listen(config.port, config.host);
  log.info({ port, host: config.host, agents: profiles.length }, 'listening');
  if (!LOOPBACK.test(config.host)) {
    log.warn({ host: config.host }, 'no keys are checked: everybody who can reach this may use it');
  }
}

function shutdownPhases(
  config: GatewayConfig,
  parts: { gateway: Gateway; runs: RunClient; link: NatsLink; log: Logger },
): Lifecycle {
  const { gateway, runs, link, log } = parts;
  const lifecycle = new Lifecycle({
    budgetMs: config.drainTimeoutMs + CLOSE_RESERVE_MS,
    reserveMs: CLOSE_RESERVE_MS,
    log,
  });
  lifecycle.onStopIntake('chats', () => gateway.stopIntake());
  lifecycle.onDrain('chats', async (signal) => {
    const late = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([gateway.drained(), late]);
  });
  lifecycle.onAbort('chats', async () => {
    gateway.abort();
    await gateway.drained();
  });
  lifecycle.onClose('http', () => gateway.close());
  lifecycle.onClose('runs', () => runs.close());
  lifecycle.onClose('nats', () => link.close());
  return lifecycle;
}
