/** The worker's configuration: the only place of the service that reads the environment. */
import { hostname } from 'node:os';
import { isToken } from '@switchboard/contract';
import type { AgentProfile } from '@switchboard/contract';
import * as option from '@switchboard/platform/config';
import type { Config, Environment } from '@switchboard/platform/config';
import { LOG_LEVEL_NAMES } from '@switchboard/platform/logging';
import { badHosts, readHosts } from './tools/built-in/host-list.ts';

export const WORKER_OPTIONS = option.defineOptions({
  ...option.NATS_OPTIONS,
  AGENTS_FILE: option.string({
    doc:
      'YAML file of agents, the same as the gateways read; followed through its changes ' +
      '(docs/agents-file.md). Without it the ' +
      'built-in agents are run.',
  }),
  AGENTS_DIR: option.string({
    doc:
      'Folder of modules that define agents and tools: files (`.js`, `.mjs`, `.ts`, `.mts`), and ' +
      'folders with a `package.json` or an index file. They are imported when the worker starts.',
  }),
  WORKER_POOL: option.string({
    doc: 'Worker class: this worker runs the agents whose `pool` has this name.',
    default: 'default',
  }),
  POOL_SIZE: option.integer({
    doc:
      'Slots: runs at once in this worker, and connections to the model endpoint. Small 5, ' +
      'medium 10 to 15, large 20 to 30; more when the endpoint bears it.',
    default: 10,
    min: 1,
    max: 10_000,
  }),
  WORKER_NAME: option.string({
    doc: 'Name in run events and logs.',
    default: `${hostname()}-${process.pid}`,
    defaultText: '<hostname>-<pid>',
  }),
  HEALTH_HOST: option.string({
    doc: 'Address of `/livez` and `/readyz`.',
    default: '127.0.0.1',
  }),
  HEALTH_PORT: option.port({
    doc: 'Port of `/livez` and `/readyz`; 0 takes a free one.',
    default: 0,
  }),
  OPENAI_BASE_URL: option.url({
    doc:
      "Model endpoint with OpenAI's API, with its version: `http://127.0.0.1:11434/v1`. " +
      "Without it, and with a key, OpenAI's own.",
    protocols: ['http', 'https'],
  }),
  OPENAI_API_KEY: option.secret({
    doc: 'Key for the model endpoint. Many local servers need none.',
  }),
  OPENAI_MODEL: option.string({
    doc:
      'Model of the built-in agent: one that begins with `sim/` means the simulator, whose ' +
      'wildcard agent is then there too. Has no effect with `AGENTS_FILE`.',
    default: 'sim/assistant',
  }),
  DRAIN_TIMEOUT_MS: option.duration({
    doc:
      'How long running requests may go on after SIGTERM; what has shown nothing by then is ' +
      'handed back. Must exceed the longest `timeout` of the agents of this pool by 10 s.',
    default: 620_000,
    min: 1,
    // The longest timeout that an agent may have, and an hour.
    max: 90_000_000,
  }),
  ALLOW_SHORT_DRAIN: option.boolean({
    doc:
      'Start although `DRAIN_TIMEOUT_MS` is shorter than that. A restart then ends what it cuts ' +
      'off in mid-answer as `worker_lost`, or begins it again, visibly, where the agent says ' +
      '`on_worker_lost: restart`.',
    default: false,
  }),
  WATCHDOG_MS: option.duration({
    doc:
      'A worker whose main thread is blocked for so long, by an agent or a tool that computes ' +
      'without waiting, ends itself with code 70, to be started again. Its runs are taken over ' +
      'by others. 0 turns that off, as a debugger needs; else at least 2000.',
    default: 10_000,
    min: 0,
    max: 600_000,
  }),
  FETCH_ALLOW: option.string({
    doc:
      'Hosts that the built-in tool `fetch` may read, separated by commas: `example.com`, ' +
      '`*.example.com`, `example.com:8443`, or `*` for any. Addresses of private networks and of ' +
      'this machine are never read. Without it there is no such tool.',
  }),
  ISOLATED_THREADS: option.integer({
    doc:
      'Threads for tools that compute for long, and so most of their calls at once. More than ' +
      'the machine has cores are of no use.',
    default: 2,
    min: 1,
    max: 64,
  }),
  ISOLATED_MEMORY: option.bytes({
    doc:
      'Heap of one such thread, for objects and strings. A call that needs more is ended with ' +
      'its thread, and nothing else. Buffers lie outside of it: only the memory of the worker ' +
      'bounds them.',
    default: 268_435_456,
    min: 33_554_432,
    max: 17_179_869_184,
  }),
  LOG_LEVEL: option.choice(LOG_LEVEL_NAMES, {
    doc: 'Least level that is logged.',
    default: 'info',
  }),
});

/** A large answer or a garbage collection may take that long. */
const WATCHDOG_MIN_MS = 2_000;

/** What is to be done when there is no model endpoint; the two variables stand before it. */
export const NO_ENDPOINT =
  'set the first to the address of a model endpoint, such as http://127.0.0.1:11434/v1, ' +
  "the second to a key for OpenAI's own, or both";

export type WorkerConfig = Config<typeof WORKER_OPTIONS>;

/** @throws ConfigError with every problem, by name and never by value. */
export function readWorkerConfig(env: Environment = process.env): WorkerConfig {
  return option.readConfig(WORKER_OPTIONS, env, [
    {
      variables: ['OPENAI_BASE_URL', 'OPENAI_API_KEY'],
      // A file of agents may name endpoints of its own: `endpointsOf` looks at that.
      holds: ({ agentsFile, openaiBaseUrl, openaiApiKey }) =>
        (agentsFile ?? openaiBaseUrl ?? openaiApiKey) !== undefined,
      message: NO_ENDPOINT,
    },
    {
      variables: ['WORKER_POOL'],
      holds: ({ workerPool }) => isToken(workerPool),
      message: 'letters, digits, _ and -, at most 64',
    },
    {
      variables: ['WATCHDOG_MS'],
      holds: ({ watchdogMs }) => watchdogMs === 0 || watchdogMs >= WATCHDOG_MIN_MS,
      message: `0, or at least ${WATCHDOG_MIN_MS}: less is no sign of a fault`,
    },
    {
      variables: ['FETCH_ALLOW'],
      holds: ({ fetchAllow }) => badHosts(readHosts(fetchAllow)).length === 0,
      message: 'hosts separated by commas, such as example.com, *.example.com, example.com:8443',
    },
    ...option.NATS_CHECKS,
  ]);
}

/**
 * A secret that the agents' file names, such as a provider's key. @throws ConfigError when it is
 * there twice, or its file cannot be read
 */
export function readNamedSecret(
  name: string,
  env: Environment = process.env,
): option.Secret | undefined {
  return option.readSecret(name, env);
}

/** What a drain needs besides the longest run: time to store its end. */
const DRAIN_MARGIN_MS = 10_000;

/**
 * Whether the drain covers the longest run of these agents. @throws ConfigError when it does not,
 * and ALLOW_SHORT_DRAIN does not say that this is meant
 */
export function coversRuns(
  { allowShortDrain, drainTimeoutMs }: WorkerConfig,
  profiles: readonly Pick<AgentProfile, 'name' | 'timeout'>[],
): boolean {
  const [longest] = profiles.toSorted((one, other) => other.timeout - one.timeout);
  if (longest === undefined) return true;
  const timeoutMs = longest.timeout * 1_000;
  const neededMs = Math.ceil(timeoutMs + DRAIN_MARGIN_MS);
  if (drainTimeoutMs >= neededMs) return true;
  if (allowShortDrain) return false;
  throw new option.ConfigError([
    `DRAIN_TIMEOUT_MS: ${drainTimeoutMs} is too short: a run of the agent ${longest.name} may ` +
      `take ${timeoutMs} ms, and a restart would cut it off. Set it to at least ${neededMs}, ` +
      "make the agent's timeout shorter, or allow it with ALLOW_SHORT_DRAIN=true",
  ]);
}
