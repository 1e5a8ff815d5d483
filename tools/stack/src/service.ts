import { fileURLToPath } from 'node:url';

import { childEnvironment, pick } from './child-environment.ts';
import type { LineListener } from './line-log.ts';
import { ManagedProcess } from './managed-process.ts';

const REPOSITORY = new URL('../../../', import.meta.url);

/** Long enough for a cold start on a loaded machine. */
const START_TIMEOUT_MS = 30_000;

export type ServiceName = 'gateway' | 'agent-worker' | 'llm-simulator';

export interface ServiceOptions {
  /** How the process is called in messages; default the service's name. */
  readonly name?: string;
  /** Added to what every child may inherit. */
  readonly env?: NodeJS.ProcessEnv;
  /** Options of Node itself, such as `--cpu-prof`. */
  readonly nodeArguments?: readonly string[];
  readonly onLine?: LineListener | undefined;
  readonly startTimeoutMs?: number;
}

/** The line with which a service says that it is ready: `{"msg":"listening","port":8080,...}`. */
export interface ReadyLine {
  readonly msg: 'listening' | 'ready';
  readonly port?: number;
  readonly healthPort?: number;
}

export interface ServiceProcess {
  readonly process: ManagedProcess;
  readonly ready: ReadyLine;
}

/** Starts a compiled service and waits until it says that it is ready. */
export async function startService(
  service: ServiceName,
  options: ServiceOptions = {},
): Promise<ServiceProcess> {
  const script = fileURLToPath(new URL(`services/${service}/dist/main.js`, REPOSITORY));
  return await startScript(script, { name: service, ...options });
}

/** Starts any Node script that prints a ready line; `startService` for what is not a service. */
export async function startScript(
  script: string,
  options: ServiceOptions & { readonly name: string },
): Promise<ServiceProcess> {
  const started = await ManagedProcess.spawn({
    name: options.name,
    command: process.execPath,
    arguments: ['--enable-source-maps', ...(options.nodeArguments ?? []), script],
    env: childEnvironment(options.env),
    onLine: options.onLine,
  });
  const ready = await started.firstLine(readyLine, options.startTimeoutMs ?? START_TIMEOUT_MS);
  return { process: started, ready };
}

/** The ready line, if this is one. */
export function readyLine(line: string): ReadyLine | undefined {
  // Cheap test first: a busy service prints thousands of other lines.
  if (!/^\{.*"msg":"(listening|ready)"/.test(line)) return undefined;
  try {
    const fields: unknown = JSON.parse(line);
    return isReadyLine(fields) ? fields : undefined;
  } catch {
    // Cut in the middle, so not the short line this looks for.
    return undefined;
  }
}

function isReadyLine(fields: unknown): fields is ReadyLine {
  if (typeof fields !== 'object' || fields === null || !('msg' in fields)) return false;
  return fields.msg === 'listening' || fields.msg === 'ready';
}

export interface Simulator extends ServiceProcess {
  readonly port: number;
  /** What OPENAI_BASE_URL is set to. */
  readonly baseUrl: string;
  /** The root, for `/stats` and `/reset`. */
  readonly url: string;
}

export async function startSimulator(options: ServiceOptions = {}): Promise<Simulator> {
  const started = await startService('llm-simulator', options);
  const port = portOf(started);
  const url = `http://127.0.0.1:${port}`;
  return { ...started, port, url, baseUrl: `${url}/v1` };
}

export interface Gateway extends ServiceProcess {
  readonly port: number;
  readonly url: string;
}

export interface GatewayOptions extends ServiceOptions {
  readonly natsUrl: string;
  /** Default 0: any free one. */
  readonly port?: number;
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const started = await startService('gateway', {
    ...options,
    env: { PORT: String(options.port ?? 0), ...options.env, NATS_URL: options.natsUrl },
  });
  const port = portOf(started);
  return { ...started, port, url: `http://127.0.0.1:${port}` };
}

export interface Worker extends ServiceProcess {
  readonly healthPort: number | undefined;
}

export interface WorkerOptions extends ServiceOptions {
  readonly natsUrl: string;
  /** Default 10. */
  readonly poolSize?: number;
  /** The model endpoint, ending in `/v1`; without it the worker uses its own default. */
  readonly openaiBaseUrl?: string | undefined;
}

/** A worker alone reaches the internet, so it alone learns of the proxy. */
const PROXY_VARIABLES = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'NODE_USE_ENV_PROXY'];

export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const endpoint = options.openaiBaseUrl;
  const started = await startService('agent-worker', {
    ...options,
    env: {
      ...pick(process.env, PROXY_VARIABLES),
      ...(endpoint === undefined ? {} : { OPENAI_BASE_URL: endpoint }),
      POOL_SIZE: String(options.poolSize ?? 10),
      ...options.env,
      NATS_URL: options.natsUrl,
    },
  });
  return { ...started, healthPort: started.ready.healthPort };
}

function portOf(started: ServiceProcess): number {
  const { port } = started.ready;
  if (port === undefined) throw new Error(`${started.process.name} did not say its port`);
  return port;
}
