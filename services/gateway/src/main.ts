/** Starts a gateway from the environment and ends it gracefully on SIGTERM and SIGINT. */
import { ConfigError, LiveAgents, builtInProfiles } from '@switchboard/platform/config';
import { Lifecycle, shutdownOnSignals } from '@switchboard/platform/lifecycle';
import { NestLogger, createLogger } from '@switchboard/platform/logging';
import type { Logger } from '@switchboard/platform/logging';
import { DeadLetters, EndRecorder, outstandingOf, purgeRun } from '@switchboard/transport';
import type { Fleet, NatsLink, Position, RunClient, StateStore } from '@switchboard/transport';
import { Accounts } from './accounts/accounts.ts';
import { readGatewayConfig } from './config.ts';
import type { GatewayConfig } from './config.ts';
import { Gateway } from './gateway.ts';
import { httpGuardOptions } from './http-guard/options.ts';
import { KnownAgents } from './models/known-agents.ts';
import { openQueue } from './open-queue.ts';
import type { Queue } from './open-queue.ts';
import { OwnUses } from './pool-view/own-uses.ts';
import { Recorder } from './runs/recorder.ts';
import { RunRecords } from './runs/run-records.ts';

const VERSION = '0.1.0';
/** Time after the drain to end what is left and to close. */
const CLOSE_RESERVE_MS = 5_000;

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
  let prepare: Queue['prepare'] = () => Promise.resolve();
  const file = await LiveAgents.open({
    path: config.agentsFile,
    builtIn: builtInProfiles({ model: config.openaiModel }),
    // New pools have their queues before anybody can name their agents.
    check: async (next) => await prepare(next.agents),
    log,
  });
  const accounts = await Accounts.open(config, log);
  const { entrance, fleet, link, runs, state, ...queue } = openQueue(
    config,
    file.current.agents,
    log,
  );
  prepare = queue.prepare;
  const letters = new DeadLetters(link);
  const recorder = startRecorder(config, { runs, state, letters, link, log });
  const uses = new OwnUses({
    read: async (pool, account) => await outstandingOf(link, pool, account),
    maxOutstanding: config.maxOutstandingPerUser,
  });
  const agents = new KnownAgents(
    () => file.current.agents,
    () => fleet.agents,
  );
  const gateway = await Gateway.create({
    runs,
    buckets: state,
    putInput: async (run, data) => await state.putInput(run, data),
    deleteInput: async (run) => await state.deleteInput(run),
    erase: async (run) => {
      await Promise.all([purgeRun(link, run), state.deleteInput(run), letters.removeRun(run)]);
    },
    queueReady: () => runs.ready && state.ready && fleet.settled,
    queueProblem: () => link.problem,
    fleet,
    findPlace: async (run) => await placeOf(runs, fleet, run),
    accounts,
    entrance,
    ownUse: async (viewer, pool) => await uses.of(viewer, pool),
    profiles: () => agents.profiles,
    agentsVersion: () => file.current.version,
    version: VERSION,
    log,
    nestLog: new NestLogger(log),
    limits: {
      bodyMaxBytes: config.maxBodyBytes,
      bodyTimeoutMs: config.bodyTimeoutMs,
      http: httpGuardOptions(config),
      maxStreamsPerUser: config.maxStreamsPerUser,
      heartbeatIntervalMs: config.heartbeatIntervalMs,
      statusHoldMs: config.statusHoldMs,
      resumeWindowMs: config.resumeWindowMs,
    },
  });
  const lifecycle = shutdownPhases(config, { gateway, runs, fleet, state, recorder, link, log });
  lifecycle.onClose('entrance', () => queue.closeEntrance());
  lifecycle.onClose('accounts', () => accounts.close());
  lifecycle.onClose('agents', () => file.close());
  shutdownOnSignals(lifecycle, { log });
  const port = await gateway.listen(config.port, config.host);
  const { agents: known, version: agentsVersion } = file.current;
  log.info({ port, host: config.host, agents: known.length, agentsVersion }, 'listening');
}

/** However many wait: the queue is asked about a few times a second. */
async function placeOf(runs: RunClient, fleet: Fleet, run: string): Promise<Position | undefined> {
  const place = runs.placeOf(run);
  if (place === undefined) return undefined;
  await fleet.refresh(place.pool);
  return fleet.position(place.pool, place);
}

function startRecorder(
  config: GatewayConfig,
  parts: {
    runs: RunClient;
    state: StateStore;
    letters: DeadLetters;
    link: NatsLink;
    log: Logger;
  },
): EndRecorder {
  const { runs, state, letters, link, log } = parts;
  const recorder = new Recorder({
    runs,
    records: new RunRecords(state),
    purge: async (run) => await purgeRun(link, run),
    deleteInput: async (run) => await state.deleteInput(run),
    removeDeadLetters: async (run) => await letters.removeRun(run),
    resumeWindowMs: config.resumeWindowMs,
  });
  const ends = new EndRecorder(link, {
    onEnd: async (run, _signal, endedAtMs) => await recorder.onEnd(run, endedAtMs),
    log,
  });
  ends.start();
  return ends;
}

function shutdownPhases(
  config: GatewayConfig,
  parts: {
    gateway: Gateway;
    runs: RunClient;
    fleet: Fleet;
    state: StateStore;
    recorder: EndRecorder;
    link: NatsLink;
    log: Logger;
  },
): Lifecycle {
  const { gateway, runs, fleet, state, recorder, link, log } = parts;
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
  lifecycle.onClose('recorder', () => recorder.close());
  lifecycle.onClose('runs', () => runs.close());
  lifecycle.onClose('fleet', () => fleet.close());
  lifecycle.onClose('state', () => state.close());
  lifecycle.onClose('nats', () => link.close());
  return lifecycle;
}
