/** The scripted MCP server as a real process, and a worker's side of it. Tests only. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentProfile, McpServerSettings, toError } from '@switchboard/contract';
import { until } from '@switchboard/testkit';
import { McpServers } from '../src/mcp/mcp-servers.ts';
import type { McpServersOptions } from '../src/mcp/mcp-servers.ts';
import type { McpServerStatus } from '../src/mcp/mcp-server.ts';
import type { Tool } from '../src/tools/tool.ts';

const SCRIPT = join(import.meta.dirname, 'mcp-server.ts');

export interface McpRig {
  readonly servers: McpServers;
  readonly settings: McpServerSettings;
  readonly logged: readonly { readonly level: string; readonly fields: object }[];
  readonly status: McpServerStatus;
  tool(name: string): Tool;
  call(name: string, input?: unknown, signal?: AbortSignal): Promise<string>;
  /** What the call fails with: the class and the message. */
  failure(name: string, input?: unknown, signal?: AbortSignal): Promise<string>;
  connected(): Promise<void>;
  /** Lines that the server's processes have written in their diary. */
  diary(): Promise<readonly string[]>;
  /** Ids of the server's processes so far. */
  pids(): Promise<readonly number[]>;
  close(): Promise<void>;
}

export interface RigOptions {
  readonly flags?: readonly string[];
  readonly settings?: Record<string, unknown>;
  readonly limits?: McpServersOptions['limits'];
  readonly variables?: Record<string, string>;
  /** Already listening; then no process is started. */
  readonly http?: HttpServer;
}

/** Short, so that tests need not wait for what takes long in earnest. */
const LIMITS = { probeTimeoutMs: 100, retryFirstMs: 10, retryLongestMs: 100 };

export async function startMcpRig(options: RigOptions = {}): Promise<McpRig> {
  const { flags = [], settings = {}, http, variables = {} } = options;
  const folder = await mkdtemp(join(tmpdir(), 'switchboard-mcp-'));
  const diaryPath = http?.diaryPath ?? join(folder, 'diary');
  const known: Record<string, string | undefined> = {
    PATH: process.env['PATH'],
    MCP_TEST_DIARY: diaryPath,
    ...variables,
  };
  const command = { command: process.execPath, args: [SCRIPT, ...flags], env: ['MCP_TEST_DIARY'] };
  const where = http === undefined ? command : { url: http.url };
  const logged: { level: string; fields: object }[] = [];
  const log = (level: string) => (fields: object) => void logged.push({ level, fields });
  const server = McpServerSettings.parse({ name: 'test', ...where, ...settings });
  const servers = new McpServers({
    servers: [server],
    variable: (name) => known[name],
    log: { debug: log('debug'), info: log('info'), warn: log('warn') },
    limits: { ...LIMITS, ...options.limits },
  });
  const profile = AgentProfile.parse({ name: 'a', model: 'm', mcp_servers: ['test'] });
  const tool = (name: string): Tool => {
    const found = servers.toolsFor(profile).tools.find((one) => one.name === `test_${name}`);
    assert.ok(found, `no tool ${name}: ${servers.toolsFor(profile).problems.join('; ')}`);
    return found;
  };
  const rig: McpRig = {
    servers,
    settings: server,
    logged,
    get status() {
      const [status] = servers.status;
      assert.ok(status);
      return status;
    },
    tool,
    call: async (name, input = {}, signal = new AbortController().signal) =>
      await tool(name).run(input, { signal, run: 'run', requestId: 'request', callId: 'call' }),
    failure: async (...args) => {
      const outcome = await rig.call(...args).catch((thrown: unknown) => toError(thrown));
      if (typeof outcome === 'string') assert.fail(`no failure but: ${outcome.slice(0, 200)}`);
      return `${outcome.name}: ${outcome.message}`;
    },
    connected: async () => {
      await until(() => rig.status.state === 'connected', { what: 'the MCP server' });
    },
    diary: () => readLines(diaryPath),
    pids: async () => idsIn(await readLines(diaryPath), 'pid'),
    close: async () => {
      await servers.close();
      await rm(folder, { recursive: true });
    },
  };
  return rig;
}

export interface HttpServer {
  readonly url: string;
  readonly diaryPath: string;
  kill(): Promise<void>;
  /** Another process at the same address. */
  restart(): Promise<void>;
  /** Kills it, and leaves nothing. */
  close(): Promise<void>;
}

export async function startHttpServer(flags: readonly string[] = []): Promise<HttpServer> {
  const folder = await mkdtemp(join(tmpdir(), 'switchboard-mcp-'));
  const diaryPath = join(folder, 'diary');
  const start = (port: number) =>
    spawn(process.execPath, [SCRIPT, '--http', ...flags], {
      env: { MCP_TEST_DIARY: diaryPath, MCP_TEST_PORT: String(port) },
      stdio: 'inherit',
    });
  const listening = async (times: number): Promise<number> => {
    const [port] = await until(
      async () => {
        const ports = idsIn(await readLines(diaryPath), 'port');
        return ports.length >= times && ports;
      },
      { what: 'the HTTP server' },
    );
    assert.ok(port);
    return port;
  };
  let child = start(0);
  const port = await listening(1);
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  };
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    diaryPath,
    kill,
    restart: async () => {
      await kill();
      const times = idsIn(await readLines(diaryPath), 'port').length;
      child = start(port);
      await listening(times + 1);
    },
    close: async () => {
      await kill();
      await rm(folder, { recursive: true });
    },
  };
}

/** The numbers behind a word: `pid 17`. */
export function idsIn(lines: readonly string[], word: string): number[] {
  return lines
    .filter((line) => line.startsWith(`${word} `))
    .map((line) => Number(line.split(' ')[1]));
}

async function readLines(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').slice(0, -1);
}

/** Whether a process of this id is there, and not only its remains. */
export async function lives(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  if (stat === '') return false;
  return !/\) Z /.test(stat);
}
