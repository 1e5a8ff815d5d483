import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { NATS_SERVER, resolveProgram } from '@switchboard/external';

import { childEnvironment } from './child-environment.ts';
import { findStablePort } from './free-port.ts';
import { guardFolder } from './guardian.ts';
import type { LineListener } from './line-log.ts';
import { ManagedProcess } from './managed-process.ts';
import type { Exit } from './managed-process.ts';
import type { NatsAccess } from './nats-access.ts';

export interface NatsOptions {
  /** How the process is called in messages; default `nats-server`. */
  readonly name?: string;
  /** Default: a free one that survives restarts. */
  readonly port?: number;
  /** Where JetStream keeps its files; default a temporary folder that `stop` removes. */
  readonly storeDir?: string;
  /** Default 8 MiB. */
  readonly maxPayloadBytes?: number;
  /** Who may do what; without it everybody may do everything. */
  readonly access?: NatsAccess | undefined;
  /** More lines of nats-server configuration. */
  readonly extraConfig?: string;
  /** Makes it one of several servers; see startNatsCluster. */
  readonly member?: ClusterMember;
  readonly onLine?: LineListener | undefined;
}

export interface ClusterMember {
  /** How the other servers know it; unique in the cluster. */
  readonly serverName: string;
  /** Where the others reach it. */
  readonly routePort: number;
  /** Of all servers of the cluster. */
  readonly routePorts: readonly number[];
}

const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;
const START_TIMEOUT_MS = 20_000;
const OPERATOR_FILE = 'operator.env';

/** A nats-server with JetStream on 127.0.0.1. */
export class NatsServer {
  readonly name: string;
  readonly port: number;
  readonly url: string;
  /** How the other servers of its cluster know it; empty when it is alone. */
  readonly serverName: string;
  readonly access: NatsAccess | undefined;
  readonly #configFile: string;
  readonly #scratch: string;
  readonly #onLine: LineListener | undefined;
  #process: ManagedProcess;
  readonly #watchers: ((started: ManagedProcess) => void)[] = [];

  private constructor(
    port: number,
    scratch: string,
    { access, member, onLine }: NatsOptions,
    started: ManagedProcess,
  ) {
    this.name = started.name;
    this.port = port;
    this.url = `nats://127.0.0.1:${port}`;
    this.serverName = member?.serverName ?? '';
    this.access = access;
    this.#scratch = scratch;
    this.#configFile = join(scratch, 'nats.conf');
    this.#onLine = onLine;
    this.#process = started;
  }

  /** Starts a server and waits until JetStream answers. */
  static async start(options: NatsOptions = {}): Promise<NatsServer> {
    const port = options.port ?? (await findStablePort());
    const scratch = await fs.mkdtemp(join(tmpdir(), 'switchboard-nats-'));
    guardFolder(scratch);
    try {
      const configFile = join(scratch, 'nats.conf');
      await fs.writeFile(configFile, configuration(port, scratch, options), { mode: 0o600 });
      await options.access?.writeOperatorFile(join(scratch, OPERATOR_FILE), port);
      const started = await launch(options.name ?? 'nats-server', configFile, options.onLine);
      return new NatsServer(port, scratch, options, started);
    } catch (error) {
      await fs.rm(scratch, { recursive: true, force: true });
      throw error;
    }
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** The process of now; another one after `restart`. */
  get process(): ManagedProcess {
    return this.#process;
  }

  /** What a shell reads to be the operator: `. <file>`; undefined: everybody is. */
  get operatorFile(): string | undefined {
    return this.access === undefined ? undefined : join(this.#scratch, OPERATOR_FILE);
  }

  get exited(): Promise<Exit> {
    return this.#process.exited;
  }

  logs(): readonly string[] {
    return this.#process.logs();
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): boolean {
    return this.#process.kill(signal);
  }

  /** Tells of the process of now, and of each one that `restart` starts. */
  eachProcess(watcher: (started: ManagedProcess) => void): void {
    this.#watchers.push(watcher);
    watcher(this.#process);
  }

  /** Starts it again on the same port and store; stops it first if it still runs. */
  async restart(): Promise<void> {
    await this.#process.stop();
    this.#process = await launch(this.name, this.#configFile, this.#onLine);
    for (const watcher of this.#watchers) watcher(this.#process);
  }

  /** Stops it and removes its temporary files. */
  async stop(): Promise<Exit> {
    const exit = await this.#process.stop();
    await fs.rm(this.#scratch, { recursive: true, force: true });
    return exit;
  }
}

/** Starts a nats-server with JetStream; see NatsOptions. */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  return await NatsServer.start(options);
}

async function launch(
  name: string,
  configFile: string,
  onLine?: LineListener,
): Promise<ManagedProcess> {
  const started = await ManagedProcess.spawn({
    name,
    command: await resolveProgram(NATS_SERVER),
    arguments: ['-c', configFile],
    env: childEnvironment(),
    onLine,
  });
  await started.firstLine(
    (line) => line.includes('Server is ready') || undefined,
    START_TIMEOUT_MS,
  );
  return started;
}

function configuration(port: number, scratch: string, options: NatsOptions): string {
  const storeDir = options.storeDir ?? join(scratch, 'jetstream');
  return [
    `listen: "127.0.0.1:${port}"`,
    `max_payload: ${options.maxPayloadBytes ?? MAX_PAYLOAD_BYTES}`,
    `jetstream { store_dir: ${JSON.stringify(storeDir)} }`,
    ...(options.member === undefined ? [] : clusterConfiguration(options.member)),
    options.access?.configuration ?? '',
    options.extraConfig ?? '',
    '',
  ].join('\n');
}

function clusterConfiguration(member: ClusterMember): readonly string[] {
  const routes = member.routePorts.map((port) => `"nats://127.0.0.1:${port}"`);
  return [
    `server_name: ${JSON.stringify(member.serverName)}`,
    'cluster {',
    '  name: "switchboard"',
    `  listen: "127.0.0.1:${member.routePort}"`,
    `  routes: [${routes.join(', ')}]`,
    '}',
  ];
}
