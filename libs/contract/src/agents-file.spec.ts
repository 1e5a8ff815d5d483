import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AgentsFile } from './agents-file.ts';

const AGENT = { name: 'a', model: 'm' };
const PROVIDER = { name: 'local', base_url: 'http://127.0.0.1:11434/v1' };
const SERVER = { name: 'files', command: 'npx' };

function problems(file: object): string[] {
  const read = AgentsFile.safeParse(file);
  return (read.error?.issues ?? []).map(({ path, message }) => [...path, message].join(' '));
}

describe("the agents' file", () => {
  it('needs no more than an agent', () => {
    assert.deepEqual(problems({ agents: [AGENT] }), []);
    assert.equal(problems({ agents: [] }).length, 1);
  });

  it('takes what agents name, and refuses what nothing has the name of', () => {
    const agent = { ...AGENT, provider: 'local', mcp_servers: ['files'] };
    const fallback = [{ provider: 'default', model: 'n' }];
    const file = { agents: [{ ...agent, fallback }], providers: [PROVIDER], mcp_servers: [SERVER] };
    assert.deepEqual(problems(file), []);
    const wrong = { ...agent, fallback: [{ provider: 'lokal', model: 'n' }] };
    assert.deepEqual(problems({ agents: [wrong] }), [
      'agents 0 provider no provider has this name',
      'agents 0 fallback 0 provider no provider has this name',
      'agents 0 mcp_servers 0 no MCP server has this name',
    ]);
  });

  it('has each name once', () => {
    const all = {
      agents: [AGENT, AGENT],
      providers: [PROVIDER, PROVIDER],
      mcp_servers: [SERVER, SERVER],
    };
    assert.deepEqual(problems(all), [
      'two agents have the same name',
      'two providers have the same name',
      'two MCP servers have the same name',
    ]);
  });

  it('says what is missing: the tokens of a model, or how a server is reached', () => {
    assert.deepEqual(problems({ agents: [{ ...AGENT, truncation: 'auto' }] }), [
      'agents 0 context_tokens truncation: auto needs it',
    ]);
    const unreached = { name: 'files' };
    const twice = { ...SERVER, url: 'http://127.0.0.1/mcp' };
    for (const server of [unreached, twice]) {
      assert.deepEqual(problems({ agents: [AGENT], mcp_servers: [server] }), [
        'mcp_servers 0 set either command or url',
      ]);
    }
  });
});
