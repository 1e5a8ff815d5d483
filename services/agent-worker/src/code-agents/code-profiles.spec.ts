import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineAgent } from '@switchboard/agent';
import { AgentProfile, AgentsFile } from '@switchboard/contract';
import { ConfigError } from '@switchboard/platform/config';
import { codeAgents, codeCards, withModules } from './code-profiles.ts';
import type { CodeModules } from './load-modules.ts';

async function* run() {
  yield 'hi';
}

const modulesOf = (...settings: { name: string; [field: string]: unknown }[]): CodeModules => ({
  agents: settings.map((fields) => ({
    agent: defineAgent({ ...fields, run }),
    profile: AgentProfile.parse({ ...fields, code: true }),
    module: `${fields.name}.mjs`,
  })),
  tools: [],
});

const fileOf = (...agents: object[]): AgentsFile => AgentsFile.parse({ agents });

function problemsOf(file: AgentsFile, modules: CodeModules): readonly string[] {
  try {
    withModules(file, modules, 'default');
  } catch (thrown) {
    assert.ok(thrown instanceof ConfigError);
    return thrown.problems;
  }
  throw new Error('no problem was reported');
}

test('every contradiction between file and modules is named, by module or by agent', () => {
  const file = fileOf(
    { name: 'taken', model: 'm' },
    { name: 'absent', code: true },
    { name: 'elsewhere', code: true, pool: 'other' },
  );
  const modules = modulesOf(
    { name: 'taken' },
    { name: 'poet', provider: 'lokal', mcp_servers: ['files'] },
  );
  const problems = problemsOf(file, modules);
  assert.match(problems[0] ?? '', /^AGENTS_DIR: taken\.mjs: a profile is called taken, too: /);
  assert.deepEqual(problems.slice(1), [
    'AGENTS_FILE: agent absent: `code: true`, but no module defines it',
    'AGENTS_DIR: poet.mjs: agent poet: provider: no provider has this name',
    'AGENTS_DIR: poet.mjs: agent poet: mcp_servers.0: no MCP server has this name',
  ]);
});

test('an entry of the file is the word on pool and limits, and adds to the tools', () => {
  const poet = {
    name: 'poet',
    description: 'Rhymes.',
    model: 'm',
    pool: 'rhymes',
    timeout: 20,
    tools: ['clock', 'rhyme'],
  };
  const entry = { name: 'poet', code: true, max_steps: 3, tools: ['clock', 'fetch'] };
  const assistant = { name: 'assistant', model: 'm' };
  const { agents } = withModules(fileOf(entry, assistant), modulesOf(poet), 'default');
  const names = agents.map(({ name }) => name);
  assert.deepEqual(names, ['assistant', 'poet']);
  const { description, max_steps, model, pool, timeout, tools } = agents[1] ?? assert.fail();
  // What the entry does not say has the file's default, at gateways too, which have no modules.
  assert.deepEqual([description, model, pool], ['Rhymes.', 'm', 'default']);
  assert.deepEqual([timeout, max_steps], [600, 3]);
  assert.deepEqual(tools, ['clock', 'rhyme', 'fetch']);
});

test('without an entry the module has the word, and without modules nothing changes', () => {
  const file = fileOf({ name: 'assistant', model: 'm' });
  const { agents } = withModules(file, modulesOf({ name: 'poet', pool: 'rhymes' }), 'default');
  assert.equal(agents.find(({ name }) => name === 'poet')?.pool, 'rhymes');
  assert.deepEqual(withModules(file, modulesOf(), 'default'), file);
});

test('gateways are told of the agents in code of the pool, anew when the file is another', () => {
  const modules = modulesOf({ name: 'poet', timeout: 20 }, { name: 'other', pool: 'rhymes' });
  const file = fileOf({ name: 'assistant', model: 'm' });
  const profiles = { current: { ...withModules(file, modules, 'default'), version: 'one' } };
  const cards = codeCards(profiles, 'default');
  assert.deepEqual(
    cards().map(({ name, timeout, version }) => [name, timeout, version]),
    [['poet', 20, 'one']],
  );
  assert.equal(cards(), cards(), 'the same list while nothing has changed');
  profiles.current = { ...profiles.current, version: 'two' };
  assert.equal(cards()[0]?.version, 'two');
});

test('a run has the limits of the file as it is when the run begins', () => {
  const modules = modulesOf({ name: 'poet' });
  const current = withModules(fileOf({ name: 'a', model: 'm' }), modules, 'default');
  const profiles = { current };
  const find = codeAgents(modules, profiles);
  assert.equal(find('poet')?.profile.timeout, 600);
  const entry = { name: 'poet', code: true, timeout: 20 };
  profiles.current = withModules(fileOf(entry), modules, 'default');
  assert.equal(find('poet')?.profile.timeout, 20);
  assert.equal(find('a'), undefined);
});
