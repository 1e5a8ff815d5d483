import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentProfile, McpServerSettings } from '@switchboard/contract';
import { McpServers } from './mcp-servers.ts';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {} };

test('a profile whose servers cannot be used has no tools, and says of each why', async () => {
  const servers = new McpServers({
    servers: [
      McpServerSettings.parse({ name: 'one', command: '/no/such/command' }),
      McpServerSettings.parse({ name: 'two', url: 'http://127.0.0.1:9', bearer_env: 'TOKEN' }),
    ],
    variable: () => undefined,
    log: SILENT,
  });
  const mcp = ['one', 'two', 'three'];
  const profile = AgentProfile.parse({ name: 'a', model: 'm', mcp_servers: mcp });
  try {
    await servers.tried(10_000);
    assert.deepEqual(servers.toolsFor(profile), {
      tools: [],
      problems: [
        'one: its command cannot be started (ENOENT)',
        'two: the variable TOKEN is not set',
        'three: no MCP server has this name',
      ],
    });
    assert.deepEqual(
      servers.status.map(({ state }) => state),
      ['broken', 'broken'],
    );
  } finally {
    await servers.close();
  }
});
