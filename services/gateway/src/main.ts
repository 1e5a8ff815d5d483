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
import {
  DeadLetters,
  EndRecorder,
  NatsLink,
  purgeRun,
  RunClient,
  StateStore,
} from '@switchboard/transport';
import { readGatewayConfig } from './config.ts';
import type { GatewayConfig } from './config.ts';
import { Gateway } from './gateway.ts';
import { Recorder } from './runs/recorder.ts';
import { RunRecords } from './runs/run-records.ts';

const VERSION = '0.1.0';
/** Time after the drain to end what is left and to close. */
const CLOSE_RESERVE_MS = 5_000;

/** An input that nobody deleted, because its run has no end: only a backstop. */
const INPUTS_TTL_MS = 86_400_000;

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
  const letters = new DeadLetters(link);
  const recorder = startRecorder(config, { runs, state, letters, link, log });
  const gateway = await Gateway.create({
    runs,
    buckets: state,
    putInput: async (run, data) => await state.putInput(run, data),
    deleteInput: async (run) => await state.deleteInput(run),
    erase: async (run) => {
      await Promise.all([purgeRun(link, run), state.deleteInput(run), letters.removeRun(run)]);
    },
    queueReady: () => runs.ready && state.ready,
    profiles,
    version: VERSION,
    log,
    nestLog: new NestLogger(log),
    limits: {
      bodyMaxBytes: config.maxBodyBytes,
      bodyTimeoutMs: config.bodyTimeoutMs,
      heartbeatIntervalMs: config.heartbeatIntervalMs,
      statusHoldMs: config.statusHoldMs,
      resumeWindowMs: config.resumeWindowMs,
    },
  });
  const lifecycle = shutdownPhases(config, { gateway, runs, state, recorder, link, log });
  shutdownOnSignals(lifecycle, { log });
  const port = await gateway.listen(config.port, config.host);
  log.info({ port, host: config.host, agents: profiles.length }, 'listening');
  if (!LOOPBACK.test(config.host)) {
    log.warn({ host: config.host }, 'no keys are checked: everybody who can reach this may use it');
  }
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
    state: StateStore;
    recorder: EndRecorder;
    link: NatsLink;
    log: Logger;
  },
): Lifecycle {
  const { gateway, runs, state, recorder, link, log } = parts;
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
  lifecycle.onClose('state', () => state.close());
  lifecycle.onClose('nats', () => link.close());
  return lifecycle;
}
