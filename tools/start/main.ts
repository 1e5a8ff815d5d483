/** `npm start`: runs all of Switchboard on this machine until Ctrl-C. */
import { runCommand } from '@switchboard/command-line';
import { ProcessStartError, describeExit, isPortFree, startStack } from '@switchboard/stack';
import type { Stack } from '@switchboard/stack';

import { humanLine, jsonLine } from './child-log.ts';
import { missingModel, modelEndpoint } from './model-endpoint.ts';
import { USAGE, readOptions } from './options.ts';
import type { StartOptions } from './options.ts';
import { gatewayEnvironment, workerEnvironment } from './service-environment.ts';
import { startScreen } from './start-screen.ts';

/** With --json-logs stdout is for log lines alone. */
function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function start(options: StartOptions): Promise<Stack> {
  const endpoint = modelEndpoint(process.env);
  const show = options.jsonLogs ? jsonLine : humanLine;
  const stack = await startStack({
    workers: options.workers,
    poolSize: options.poolSize,
    port: options.port,
    withoutSimulator: !endpoint.simulated,
    gatewayEnv: gatewayEnvironment(process.env),
    workerEnv: workerEnvironment(process.env),
    ...stopBudget(process.env['DRAIN_TIMEOUT_MS']),
    restartWorkers: true,
    onWorkerEnded: (name, how, waitMs) => {
      say(`${name} ended unexpectedly (${how}). Starting it again in ${waitMs / 1_000} s …`);
    },
    onProgress: (step) => say(`Starting ${step} …`),
    onLine: (name, line) => {
      const shown = show(name, line);
      if (shown !== undefined) process.stdout.write(`${shown}\n`);
    },
  });
  const agents = await agentsOf(stack.url);
  say(startScreen(stack.url, options, endpoint, agents, stack.nats.operatorFile));
  return stack;
}

/** The names that the gateway lists; undefined when it lists nothing without a key. */
async function agentsOf(url: string): Promise<readonly string[] | undefined> {
  const response = await fetch(`${url}/v1/models`, { signal: AbortSignal.timeout(5_000) });
  if (response.status === 401) return undefined;
  const { data } = (await response.json()) as { data: { id: string }[] };
  return data.map(({ id }) => id);
}

/** A longer drain time than usual needs more patience here. */
function stopBudget(drainTimeoutMs: string | undefined): { stopBudgetMs?: number } {
  const number = Number(drainTimeoutMs);
  return number > 0 ? { stopBudgetMs: number + 15_000 } : {};
}

/** npm passes Ctrl-C on to a process that the terminal has told already; both count as one. */
const SAME_SIGNAL_MS = 500;

/** Calls `first` at the first request to stop and `second` at a later one. */
function onStopRequest(first: () => void, second: () => void): void {
  let firstAtMs: number | undefined;
  const onSignal = (): void => {
    const nowMs = performance.now();
    if (firstAtMs === undefined) {
      firstAtMs = nowMs;
      first();
    } else if (nowMs - firstAtMs > SAME_SIGNAL_MS) {
      second();
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
}

/** Stops everything in order once asked to, or when a process ends; returns the exit code. */
async function runUntilStopped(stack: Stack, stopAsked: Promise<undefined>): Promise<number> {
  const ended = await Promise.race([stopAsked, stack.unexpectedExit]);
  if (ended === undefined) {
    say('Finishing what is under way (Ctrl-C again stops at once) …');
    await stack.stop();
    say('Stopped.');
    return 0;
  }
  say(`${ended.name} ended unexpectedly (${describeExit(await ended.exited)}). Its last lines:`);
  for (const line of ended.logs().slice(-15)) say(`  ${line}`);
  say('Stopping the rest …');
  await stack.stop();
  return 1;
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  const missing = missingModel(process.env, modelEndpoint(process.env));
  if (missing !== undefined) {
    say(missing);
    return 1;
  }
  const { port } = options;
  if (port !== 0 && !(await isPortFree(port, process.env['HOST'] ?? '127.0.0.1'))) {
    say(`Port ${port} is taken: choose another, for example npm start -- --port ${port + 1}`);
    return 1;
  }
  const { promise: stopAsked, resolve: askToStop } = Promise.withResolvers<undefined>();
  // Nothing is under way before everything is ready; what was started dies with this process.
  const exit = (): void => process.exit(0);
  let [first, second] = [exit, exit];
  onStopRequest(
    () => first(),
    () => second(),
  );
  const stack = await start(options);
  first = () => askToStop(undefined);
  second = () => {
    stack.kill();
    process.exit(1);
  };
  return await runUntilStopped(stack, stopAsked);
}

await runCommand(main, {
  usage: `${USAGE}\n`,
  explain: (error) => {
    if (error instanceof ProcessStartError) return error.message;
    throw error;
  },
});
