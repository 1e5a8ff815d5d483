/** Starts a worker from the environment and ends it gracefully on SIGTERM and SIGINT. */
import { isDeepStrictEqual } from 'node:util';
import { NestFactory } from '@nestjs/core';
import type { INestMicroservice } from '@nestjs/common';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { inboxPrefix } from '@switchboard/contract';
import {
  ConfigError,
  LiveAgents,
  builtInProfiles,
  natsAddress,
} from '@switchboard/platform/config';
import { startHealthServer } from '@switchboard/platform/health';
import type { HealthServer } from '@switchboard/platform/health';
import { Lifecycle, shutdownOnSignals } from '@switchboard/platform/lifecycle';
import { NestLogger, createLogger } from '@switchboard/platform/logging';
import type { Logger } from '@switchboard/platform/logging';
import { AgentServer, NatsLink, readInput } from '@switchboard/transport';
import { AppModule } from './app.module.ts';
import { checkAgents } from './check-agents.ts';
import { readNamedSecret, readWorkerConfig } from './config.ts';
import type { WorkerConfig } from './config.ts';
import { endpointsOf } from './llm/endpoints-of.ts';
import { Providers } from './llm/providers.ts';
import { AgentRunner } from './runner/agent-runner.ts';
import { readHosts } from './tools/built-in/host-list.ts';
import { openTools } from './tools/worker-tools.ts';
import type { WorkerTools } from './tools/worker-tools.ts';
import { EXIT_WORN } from './watchdog/exit-codes.ts';
import { catchStrayErrors } from './watchdog/stray-errors.ts';
import { startWatchdog } from './watchdog/watchdog.ts';

/** Kept of the shutdown for ends to be stored and connections to be closed. */
const CLOSE_RESERVE_MS = 10_000;

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
  const tools = openTools({
    fetchAllow: readHosts(config.fetchAllow),
    threads: config.isolatedThreads,
    memoryMib: Math.floor(config.isolatedMemory / 1_048_576),
  });
  const agents = await LiveAgents.open({
    path: config.agentsFile,
    builtIn: builtInProfiles({ model: config.openaiModel }),
    check: (file) => checkAgents(config, file, tools.tools, log),
    log,
  });
  const link = NatsLink.open({
    ...natsAddress(config),
    name: `switchboard-worker ${config.workerName}`,
    inboxPrefix: inboxPrefix('worker'),
    log,
  });
  const provider = new Providers(endpointsOf(agents.current, config, readNamedSecret), log);
  agents.onChange((file, before) => {
    provider.replace(endpointsOf(file, config, readNamedSecret));
    if (isDeepStrictEqual(file.mcp_servers, before.mcp_servers)) return;
    log.warn({}, 'mcp_servers of the agents file have changed: this needs a restart');
  });
  const profileOf = (agent: string) => {
    return agents.current.agents.find(({ name }) => name === agent);
  };
  const server = new AgentServer({
    link,
    pool: config.workerPool,
    size: config.poolSize,
    worker: config.workerName,
    knows: (agent) => profileOf(agent) !== undefined,
    onWorkerLost: ({ agent }) => profileOf(agent)?.on_worker_lost ?? 'fail',
    runTimeoutMs: ({ agent }) => toMs(profileOf(agent)?.timeout),
    onWorn: (reason) => retire(reason),
    loadInput: async (key) => await readInput(link, key, log),
    log,
  });
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(
    AppModule.with({ runner: new AgentRunner(agents, provider, Math.random, tools), log }),
    { strategy: server, logger: new NestLogger(log), abortOnError: false },
  );
  const health = await startHealthServer({
    host: config.healthHost,
    port: config.healthPort,
    ready: () => ({ nats: link.connected, pulling: server.ready }),
    problem: () => link.problem,
    log,
  });
  const parts = { app, server, provider, tools, link, health, log };
  const lifecycle = shutdownPhases(config, parts);
  lifecycle.onClose('agents', () => agents.close());
  shutdownOnSignals(lifecycle, { log });
  const retire = (reason: string): void => {
    if (lifecycle.state !== 'running') return;
    log.fatal({ reason, exitCode: EXIT_WORN }, 'the worker has to be replaced: it drains');
    void lifecycle.shutdown(reason).then(() => process.exit(EXIT_WORN));
  };
  catchStrayErrors({ retire, log });
  startWatchdog({ afterMs: config.watchdogMs, name: 'agent-worker', log });
  await app.listen();
  // NATS may be away for long: the process is up meanwhile, and says that it is not ready.
  await server.listening;
  const { workerName: worker, workerPool: pool, poolSize } = config;
  const { version: agentsVersion } = agents.current;
  log.info({ healthPort: health.port, worker, pool, poolSize, agentsVersion }, 'ready');
}

const toMs = (seconds: number | undefined): number | undefined =>
  seconds === undefined ? undefined : seconds * 1_000;

interface Parts {
  readonly app: INestMicroservice;
  readonly server: AgentServer;
  readonly provider: Providers;
  readonly tools: WorkerTools;
  readonly link: NatsLink;
  readonly health: HealthServer;
  readonly log: Logger;
}

function shutdownPhases(config: WorkerConfig, parts: Parts): Lifecycle {
  const { app, server, provider, tools, link, health, log } = parts;
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
  lifecycle.onClose('provider', () => provider.close());
  lifecycle.onClose('tools', () => tools.close());
  lifecycle.onClose('nats', () => link.close());
  lifecycle.onClose('health', () => health.close());
  return lifecycle;
}
