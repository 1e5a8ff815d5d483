/** Starts a worker from the environment and ends it gracefully on SIGTERM and SIGINT. */
import { NestFactory } from '@nestjs/core';
import type { INestMicroservice } from '@nestjs/common';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { inboxPrefix } from '@switchboard/contract';
import type { AgentProfile } from '@switchboard/contract';
import {
  ConfigError,
  builtInProfiles,
  loadAgentsFile,
  natsAddress,
} from '@switchboard/platform/config';
import { startHealthServer } from '@switchboard/platform/health';
import type { HealthServer } from '@switchboard/platform/health';
import { Lifecycle, shutdownOnSignals } from '@switchboard/platform/lifecycle';
import { NestLogger, createLogger } from '@switchboard/platform/logging';
import type { Logger } from '@switchboard/platform/logging';
import { AgentServer, NatsLink, readInput } from '@switchboard/transport';
import { AppModule } from './app.module.ts';
import { CodeAgentRunner } from './code-agents/code-agent-runner.ts';
import { codeAgents, withModules } from './code-agents/code-profiles.ts';
import { NO_MODULES, loadModules } from './code-agents/load-modules.ts';
import { moduleTools } from './code-agents/module-tools.ts';
import { coversRuns, readNamedSecret, readWorkerConfig } from './config.ts';
import type { WorkerConfig } from './config.ts';
import { endpointsOf } from './llm/endpoints-of.ts';
import { Providers } from './llm/providers.ts';
import { McpServers, serversOf } from './mcp/mcp-servers.ts';
import { AgentRunner } from './runner/agent-runner.ts';
import { firstOf } from './runner/request-runner.ts';
import { readHosts } from './tools/built-in/host-list.ts';
import { openTools } from './tools/worker-tools.ts';
import type { WorkerTools } from './tools/worker-tools.ts';

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
  const builtIn = builtInProfiles({ model: config.openaiModel });
  const { agentsDir, workerPool } = config;
  const modules = agentsDir === undefined ? NO_MODULES : await loadModules(agentsDir);
  const file = withModules(loadAgentsFile(config.agentsFile, builtIn), modules, workerPool);
  const { agents: profiles } = file;
  const endpoints = endpointsOf(file, config, readNamedSecret);
  checkAgents(config, profiles, log);
  const mcp = new McpServers({
    servers: serversOf(file, config.workerPool),
    variable: (name) => readNamedSecret(name)?.reveal(),
    log,
  });
  const tools = openTools({
    sources: [mcp],
    fetchAllow: readHosts(config.fetchAllow),
    threads: config.isolatedThreads,
    memoryMib: Math.floor(config.isolatedMemory / 1_048_576),
    ofModules: (threads) => moduleTools(modules, threads, log),
  });
  tools.tools.check(profiles.filter(({ pool }) => pool === config.workerPool));
  const link = NatsLink.open({
    ...natsAddress(config),
    name: `switchboard-worker ${config.workerName}`,
    inboxPrefix: inboxPrefix('worker'),
    log,
  });
  const provider = new Providers(endpoints, log);
  const server = new AgentServer({
    link,
    pool: config.workerPool,
    size: config.poolSize,
    worker: config.workerName,
    onWorkerLost: ({ agent }) => {
      return profiles.find(({ name }) => name === agent)?.on_worker_lost ?? 'fail';
    },
    loadInput: async (key) => await readInput(link, key, log),
    log,
  });
  const code = new CodeAgentRunner({
    find: codeAgents(modules, () => profiles),
    provider,
    tools: tools.tools,
    log,
  });
  const runner = firstOf(code, new AgentRunner(profiles, provider, Math.random, tools));
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
  const parts = { app, server, provider, tools, mcp, link, health, log };
  const lifecycle = shutdownPhases(config, parts);
  shutdownOnSignals(lifecycle, { log });
  // The first runs would lack the tools of a server that is only just starting.
  await mcp.tried(MCP_START_MS);
  await app.listen();
  // NATS may be away for long: the process is up meanwhile, and says that it is not ready.
  await server.listening;
  const { workerName: worker, workerPool: pool, poolSize } = config;
  log.info({ healthPort: health.port, worker, pool, poolSize }, 'ready');
}

interface Parts {
  readonly app: INestMicroservice;
  readonly server: AgentServer;
  readonly provider: Providers;
  readonly tools: WorkerTools;
  readonly mcp: McpServers;
  readonly link: NatsLink;
  readonly health: HealthServer;
  readonly log: Logger;
}

function shutdownPhases(config: WorkerConfig, parts: Parts): Lifecycle {
  const { app, server, provider, tools, mcp, link, health, log } = parts;
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
  lifecycle.onClose('mcp', () => mcp.close());
  lifecycle.onClose('nats', () => link.close());
  lifecycle.onClose('health', () => health.close());
  return lifecycle;
}

/** @throws ConfigError when a restart would cut runs off that nobody allowed it to */
function checkAgents(config: WorkerConfig, profiles: readonly AgentProfile[], log: Logger): void {
  const { drainTimeoutMs, workerPool: pool } = config;
  const mine = profiles.filter((profile) => profile.pool === pool);
  if (mine.length === 0) {
    log.warn({ pool }, 'no agent names this pool: there will be nothing to run');
  }
  if (coversRuns(config, mine)) return;
  const text = 'DRAIN_TIMEOUT_MS is shorter than the longest run: a restart may cut runs off';
  log.warn({ drainTimeoutMs }, text);
}
