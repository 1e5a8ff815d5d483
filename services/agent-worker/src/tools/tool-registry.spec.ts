import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentProfile } from '@switchboard/contract';
import { ToolRegistry } from './tool-registry.ts';
import { OWN_TOOLS } from './tool.ts';
import type { Tool, ToolSource } from './tool.ts';

const toolOf = (name: string, source = OWN_TOOLS): Tool => ({
  name,
  description: '',
  parameters: {},
  source,
  sideEffects: false,
  run: () => Promise.resolve(''),
});
const profileOf = (name: string, tools: readonly string[]) =>
  AgentProfile.parse({ name, model: 'm', tools });

test('a tool that a profile names and nobody has is an error that names both', () => {
  const registry = new ToolRegistry([toolOf('clock')]);
  const profiles = [
    profileOf('a', ['clock']),
    profileOf('b', ['clok', 'fetch']),
    profileOf('c', []),
  ];
  assert.throws(() => registry.check(profiles), {
    name: 'ConfigError',
    problems: [
      'agent b: this worker has no tool clok; it has: clock',
      'agent b: this worker has no tool fetch; it has: clock',
    ],
  });
  registry.check([profileOf('a', ['clock'])]);
});

test('two own tools of one name are an error', () => {
  assert.throws(() => new ToolRegistry([toolOf('a'), toolOf('b'), toolOf('a')]), {
    problems: ['two tools have the name a'],
  });
});

test('a run has the tools that its profile names, and those of other sources as they are now', () => {
  let live = [toolOf('files_read', 'files')];
  const problems = ['files: the server does not answer'];
  const source: ToolSource = { toolsFor: () => ({ tools: live, problems }) };
  const registry = new ToolRegistry([toolOf('clock'), toolOf('calculator')], [source]);
  const profile = profileOf('a', ['clock']);
  const names = (): string[] => registry.toolsFor(profile).tools.map(({ name }) => name);
  assert.deepEqual(names(), ['clock', 'files_read']);
  assert.deepEqual(registry.toolsFor(profile).problems, problems);
  live = [];
  assert.deepEqual(names(), ['clock']);
});

test('of two tools of one name the run has the first, and is told of the other', () => {
  const source: ToolSource = {
    toolsFor: () => ({ tools: [toolOf('clock', 'other')], problems: [] }),
  };
  const registry = new ToolRegistry([toolOf('clock')], [source]);
  const { tools, problems } = registry.toolsFor(profileOf('a', ['clock']));
  assert.deepEqual(
    tools.map((tool) => tool.source),
    [OWN_TOOLS],
  );
  assert.deepEqual(problems, ['clock: another tool has this name']);
});
