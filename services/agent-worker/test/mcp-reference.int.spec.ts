/** The reference file server, which nobody here wrote, over a folder of its own. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { createInterface } from 'node:readline';
import { AgentProfile, McpServerSettings } from '@switchboard/contract';
import { leakGuard, until } from '@switchboard/testkit';
import { McpServers } from '../src/mcp/mcp-servers.ts';
import type { Tool } from '../src/tools/tool.ts';
import { lives } from './mcp-rig.ts';

const PACKAGE = '@modelcontextprotocol/server-filesystem/package.json';
const SCRIPT = join(dirname(createRequire(import.meta.url).resolve(PACKAGE)), 'dist', 'index.js');
const SILENT = { debug: () => {}, info: () => {}, warn: () => {} };
const profile = AgentProfile.parse({ name: 'a', model: 'm', mcp_servers: ['files'] });

let folder = '';
before(async () => {
  // The server compares real paths, and some systems have their temporary folder behind a link.
  folder = await realpath(await mkdtemp(join(tmpdir(), 'switchboard-files-')));
  await writeFile(join(folder, 'note.txt'), 'the sky is green');
});
after(() => rm(folder, { recursive: true }));
leakGuard();

function settingsOf(name: string): McpServerSettings {
  return McpServerSettings.parse({ name, command: process.execPath, args: [SCRIPT, folder] });
}

test('its files are read and written, and nothing outside the folder', async () => {
  const servers = new McpServers({
    servers: [settingsOf('files')],
    variable: (name) => (name === 'PATH' ? process.env['PATH'] : undefined),
    log: SILENT,
  });
  try {
    await servers.tried(10_000);
    const { tools, problems } = servers.toolsFor(profile);
    assert.deepEqual(problems, []);
    const call = (name: string, input: object): Promise<string> => {
      const tool = tools.find((one: Tool) => one.name === `files_${name}`);
      assert.ok(tool, name);
      const { signal } = new AbortController();
      return tool.run(input, { signal, run: 'r', requestId: 'r', callId: 'c' });
    };
    const path = join(folder, 'note.txt');
    assert.match(await call('read_text_file', { path }), /the sky is green/);
    const copy = join(folder, 'copy.txt');
    await call('write_file', { path: copy, content: 'blue' });
    assert.equal(await readFile(copy, 'utf8'), 'blue');
    await assert.rejects(call('read_text_file', { path: '/etc/hostname' }), /^ToolError: .*denied/);
    await assert.rejects(call('read_text_file', { path: 7 }), { name: 'ToolError' });
    const harmless = tools.filter(({ sideEffects }) => !sideEffects).map(({ name }) => name);
    assert.ok(harmless.includes('files_read_text_file'), harmless.join());
    assert.ok(!harmless.includes('files_write_file'), harmless.join());
  } finally {
    await servers.close();
  }
});

test('a killed worker leaves no server behind', async () => {
  // A worker's part in a process of its own: it starts the server and is killed.
  const module = join(import.meta.dirname, '../src/mcp/child-group.ts');
  const source = `
    import { ChildGroup } from ${JSON.stringify(module)};
    const child = await ChildGroup.start(${JSON.stringify({
      command: '/bin/sh',
      args: ['-c', 'echo "pid $$"; exec "$0" "$@"', process.execPath, SCRIPT, folder],
      env: {},
    })});
    child.stdout.pipe(process.stdout);
    child.stderr.pipe(process.stdout);
  `;
  const worker = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let pid = 0;
  for await (const line of createInterface({ input: worker.stdout })) {
    if (line.startsWith('pid ')) pid = Number(line.slice(4));
    if (line.includes('running on stdio')) break;
  }
  assert.ok(pid > 0);
  assert.equal(await lives(pid), true);
  const exit = once(worker, 'exit');
  worker.kill('SIGKILL');
  await exit;
  await until(async () => !(await lives(pid)), { what: 'the server to end with its input' });
});
