import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { builtInProfiles, loadAgentsFile } from './agents-file.ts';
import { ConfigError } from './config-error.ts';

const folder = mkdtempSync(join(tmpdir(), 'profiles-spec-'));
after(() => rmSync(folder, { recursive: true }));

function load(text: string) {
  const path = join(folder, 'agents.yaml');
  writeFileSync(path, text);
  return loadAgentsFile(path, []).agents;
}

function problemsOf(text: string): readonly string[] {
  try {
    load(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.doesNotMatch(error.message, /PRIVATE/);
    return error.problems;
  }
  throw new Error('no problem was reported');
}

test('without a file the built-in profiles are used', () => {
  const builtIn = builtInProfiles();
  assert.deepEqual(loadAgentsFile(undefined, builtIn).agents, builtIn);
  assert.deepEqual(
    builtIn.map(({ name, model, pool }) => ({ name, model, pool })),
    [
      { name: 'assistant', model: 'sim/assistant', pool: 'default' },
      { name: 'sim/*', model: '*', pool: 'default' },
    ],
  );
});

test('with a real provider the wildcard of the simulator is not offered', () => {
  assert.deepEqual(
    builtInProfiles({ model: 'gpt-5' }).map(({ name, model }) => ({ name, model })),
    [{ name: 'assistant', model: 'gpt-5' }],
  );
  assert.equal(builtInProfiles({ model: 'gpt-5', simulator: true }).length, 2);
});

test('a file is read with the defaults of the contract', () => {
  const [profile] = load('agents:\n  - name: writer\n    model: m\n    timeout: 30\n');
  assert.equal(profile?.timeout, 30);
  assert.equal(profile?.pool, 'default');
});

test('every problem of a file is reported by its place, and nothing of its text', () => {
  const problems = problemsOf(`
agents:
  - name: a
    model: m
    instructions: PRIVATE
    instructons: PRIVATE
  - name: b c PRIVATE
    model: PRIVATE
    timeout: PRIVATE
    max_retries: 99
`);
  const places = problems.map((line) => line.split(': ').slice(0, 2).join(': '));
  assert.deepEqual(places.toSorted(), [
    'AGENTS_FILE: agents[0]',
    'AGENTS_FILE: agents[1].max_retries',
    'AGENTS_FILE: agents[1].name',
    'AGENTS_FILE: agents[1].timeout',
  ]);
});

test('broken YAML is reported by line and column, without a quotation', () => {
  assert.deepEqual(problemsOf('agents:\n  - name: "PRIVATE\n'), [
    'AGENTS_FILE: line 3, column 1: missing char',
  ]);
  assert.equal(problemsOf('agents: *PRIVATE\n').length, 1);
});

test('two agents of the same name, an empty list and an empty file are problems', () => {
  assert.deepEqual(problemsOf('agents: [{name: a, model: m}, {name: a, model: m}]'), [
    'AGENTS_FILE: two agents have the same name',
  ]);
  assert.equal(problemsOf('agents: []').length, 1);
  assert.equal(problemsOf('').length, 1);
});

test('a file that is missing or too large is a problem; of many only some are shown', () => {
  assert.throws(
    () => loadAgentsFile(join(folder, 'none.yaml'), []),
    /AGENTS_FILE: the file cannot be read \(ENOENT\)/,
  );
  assert.match(problemsOf('#'.repeat(1024 * 1024 + 1))[0] ?? '', /larger than 1048576 bytes/);
  const many = problemsOf(`agents:\n${'  - PRIVATE\n'.repeat(500)}`);
  assert.equal(many.length, 21);
  assert.match(many.at(-1) ?? '', /and 480 more/);
});
