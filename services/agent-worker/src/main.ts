/** Starts a worker from the environment and ends it gracefully on SIGTERM and SIGINT. */
import { NestFactory } from '@nestjs/core';
import type { INestMicroservice } from '@nestjs/common';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { inboxPrefix } from '@switchboard/contract';
import { ConfigError, natsAddress } from '@switchboard/platform/config';
import type { LiveAgents } from '@switchboard/platform/config';
import { startHealthServer } from '@switchboard/platform/health';
import type { HealthServer } from '@switchboard/platform/health';
import { Lifecycle, shutdownOnSignals } from '@switchboard/platform/lifecycle';
import { NestLogger, createLogger } from '@switchboard/platform/logging';
import type { Logger } from '@switchboard/platform/logging';
import { AgentServer, NatsLink, readInput } from '@switchboard/transport';
import { AppModule } from './app.module.ts';
import { codeCards } from './code-agents/code-profiles.ts';
import { readWorkerConfig } from './config.ts';
import type { WorkerConfig } from './config.ts';
import { openRunners } from './open-runners.ts';
import type { Runners } from './open-runners.ts';
import { guardProcess } from './watchdog/guard-process.ts';

/** Kept of the shutdown for ends to be stored and connections to be closed. */
const CLOSE_RESERVE_MS = 10_000;
/** How long the worker waits for its MCP servers before it takes runs without them. */
const MCP_START_MS = 5_000;

try {
  await start(readWorkerConfig());
} catch (thrown) {
  const log = createLogger({ name: 'agent-worker', level: 'info' });
  if (thrown instanceof ConfigError) log.fatal({ problems: thrown.problems }, thrown.message);
  else log.fatal({ err: thrown }, 'the worker could not start');
  process.exit(1);
}

async function start(config: WorkerConfig): Promise<void> {
  const log = createLogger({ name: 'agent-worker', level: config.logLevel });
  const { runner, ...opened } = await openRunners(config, log);
  const { agents, mcp } = opened;
  const link = NatsLink.open({
    ...natsAddress(config),
    name: `switchboard-worker ${config.workerName}`,
    inboxPrefix: inboxPrefix('worker'),
    log,
  });
  const worn = (reason: string): void => retire(reason);
  const server = agentServer(config, { link, agents, worn, log });
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(
    AppModule.with({ runner, log }),
    { strategy: server, logger: new NestLogger(log), abortOnError: false },
  );
  const health = await startHealthServer({
    host: config.healthHost,
    port: config.healthPort,
    ready: () => ({ nats: link.connected, pulling: server.ready }),
    problem: () => link.problem,
    log,
  });
  const lifecycle = shutdownPhases(config, { ...opened, app, server, link, health, log });
  shutdownOnSignals(lifecycle, { log });
  const retire = guardProcess({ lifecycle, watchdogMs: config.watchdogMs, log });
  // The first runs would lack the tools of a server that is only just starting.
  await mcp.tried(MCP_START_MS);
  await app.listen();
  // NATS may be away for long: the process is up meanwhile, and says that it is not ready.
  await server.listening;
  const { workerName: worker, workerPool: pool, poolSize } = config;
  const { version: agentsVersion } = agents.current;
  log.info({ healthPort: health.port, worker, pool, poolSize, agentsVersion }, 'ready');
}

interface ServerParts {
  readonly link: NatsLink;
  readonly agents: LiveAgents;
  /** The process should be replaced. */
  readonly worn: (reason: string) => void;
  readonly log: Logger;
}

function agentServer(config: WorkerConfig, { link, agents, worn, log }: ServerParts): AgentServer {
  const profileOf = (agent: string) => {
    return agents.current.agents.find(({ name }) => name === agent);
  };
  return new AgentServer({
    link,
    pool: config.workerPool,
    size: config.poolSize,
    worker: config.workerName,
    agents: codeCards(agents, config.workerPool),
    knows: (agent) => profileOf(agent) !== undefined,
    onWorkerLost: ({ agent }) => profileOf(agent)?.on_worker_lost ?? 'fail',
    runTimeoutMs: ({ agent }) => {
      const timeout = profileOf(agent)?.timeout;
      return timeout === undefined ? undefined : timeout * 1_000;
    },
    onWorn: worn,
    loadInput: async (key) => await readInput(link, key, log),
    log,
  });
}

interface Parts extends Omit<Runners, 'runner'> {
  readonly app: INestMicroservice;
  readonly server: AgentServer;
  readonly link: NatsLink;
  readonly health: HealthServer;
  readonly log: Logger;
}

function shutdownPhases(config: WorkerConfig, parts: Parts): Lifecycle {
  const { app, server, agents, provider, tools, mcp, link, health, log } = parts;
  const lifecycle = new Lifecycle({
    budgetMs: config.drainTimeoutMs + CLOSE_RESERVE_MS,
    reserveMs: CLOSE_RESERVE_MS,
    log,
  });
  lifecycle.onStopIntake('pulling', () => server.stopIntake());
  lifecycle.onDrain('runs', async (signal) => {
    // Runs that outlast the drain are the next phase's business, not a failure of this one.
    const late = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([server.drained, late]);
  });
  lifecycle.onAbort('runs', async () => {
    server.abort();
    await server.drained;
  });
  // Nest closes the agent server.
  lifecycle.onClose('nest', () => app.close());
  lifecycle.onClose('agents', () => agents.close());
  lifecycle.onClose('provider', () => provider.close());
  lifecycle.onClose('tools', () => tools.close());
  lifecycle.onClose('mcp', () => mcp.close());
  lifecycle.onClose('nats', () => link.close());
  lifecycle.onClose('health', () => health.close());
  return lifecycle;
}
