import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { ConfigError } from '@switchboard/platform/config';
import { loadModules } from './load-modules.ts';

const IMPORTS =
  "import { defineAgent, defineTool } from '@switchboard/agent'; import { z } from 'zod';";

const agentText = (name: string, more = ''): string => `
${IMPORTS}
export default defineAgent({ name: '${name}', ${more} async *run() { yield 'hi'; } });
`;

const toolText = (name: string, more = ''): string => `
${IMPORTS}
const tool = defineTool({
  name: '${name}', description: 'A tool.', input: z.object({}), ${more} run: () => '',
});
`;

let folder: string;
beforeEach(() => {
  // Modules are imported once in a process: each test has names of its own.
  folder = mkdtempSync(join(tmpdir(), 'modules-spec-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

async function problemsOf(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  write(files);
  try {
    await loadModules(folder, 200);
  } catch (thrown) {
    assert.ok(thrown instanceof ConfigError, String(thrown));
    return thrown.problems;
  }
  throw new Error('no problem was reported');
}

async function namesIn(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  write(files);
  const { agents, tools } = await loadModules(folder);
  return [...agents.map(({ profile }) => profile.name), ...tools.map(({ tool }) => tool.name)];
}

test('every bad module is named together with the others, and none is loaded', async () => {
  const problems = await problemsOf({
    'good.mjs': agentText('good'),
    'throws.mjs': "throw new RangeError('no\\nsuch host');",
    'syntax.mjs': 'export default {',
    'missing.mjs': "import 'a-package-that-nobody-has';",
    'hangs.mjs': 'await new Promise(() => {});',
    'empty.mjs': 'export const answer = 42;',
    'copy.mjs': `${agentText('copy')} export const copied = {};`
      .replace('export default defineAgent', 'export const spread = { ...defineAgent')
      .replace('} });', '} }) };'),
    'nothing/readme.md': 'no module',
    'gone/package.json': '{ "main": "dist/index.js" }',
    'broken/package.json': '{ PRIVATE',
  });
  const expected = [
    'AGENTS_DIR: broken: its package.json cannot be read',
    'AGENTS_DIR: gone: what its package.json names is not there',
    'AGENTS_DIR: nothing: has no package.json that names a file, and no index file',
    'AGENTS_DIR: copy.mjs: exports no agent (defineAgent) and no tool (defineTool)',
    'AGENTS_DIR: empty.mjs: exports no agent (defineAgent) and no tool (defineTool)',
    'AGENTS_DIR: hangs.mjs: its import takes longer than 0.2 seconds',
    "AGENTS_DIR: missing.mjs: cannot be imported: Error: Cannot find package 'a-package",
    'AGENTS_DIR: syntax.mjs: cannot be imported: SyntaxError: ',
    'AGENTS_DIR: throws.mjs: cannot be imported: RangeError: no',
  ];
  assert.equal(problems.length, expected.length, problems.join('\n'));
  for (const [index, text] of expected.entries()) {
    assert.ok(problems[index]?.startsWith(text), `${problems[index]} is not ${text}`);
  }
  assert.equal(problems.join('\n').includes('PRIVATE'), false);
});

test('what an agent says of itself must be what the agents’ file could say', async () => {
  const problems = await problemsOf({
    'a.mjs': agentText('two words', "timeout: -1, timeOut: 5, pool: 'a.b',"),
    'b.mjs': agentText('b', "tools: 'clock',"),
    'c.mjs': agentText('c', 'tools: [7],'),
  });
  const places = problems.map((line) => line.split(':').slice(1, 4).join(':').trim());
  assert.deepEqual(places.slice(0, 3), [
    'a.mjs: agent two words: name',
    'a.mjs: agent two words: pool',
    'a.mjs: agent two words: timeout',
  ]);
  assert.ok(
    problems.some((line) => line.includes('timeOut')),
    problems.join('\n'),
  );
  assert.ok(problems.some((line) => line.startsWith('AGENTS_DIR: c.mjs: agent c: tools.0: ')));
});

test('a name that two modules give is refused with both of theirs', async () => {
  const problems = await problemsOf({
    'a.mjs': agentText('same'),
    'b/index.ts': agentText('same'),
    'c.mjs': `${toolText('look')} export { tool };`,
    'd.mjs': `${toolText('look')} export default tool;`,
  });
  assert.deepEqual(problems, [
    'AGENTS_DIR: a.mjs, b: two agents are called same',
    'AGENTS_DIR: c.mjs, d.mjs: two tools are called look',
  ]);
});

test('an isolated tool that is not exported could not be found in its thread', async () => {
  const own = toolText('slow', 'isolated: true,');
  assert.deepEqual(
    await problemsOf({
      'a.mjs': `${own} ${agentText('a', 'tools: [tool],').replace(IMPORTS, '')}`,
    }),
    ['AGENTS_DIR: a.mjs: tool slow: an isolated tool must be exported'],
  );
});

test('a folder that is not there, or has no module, is refused', async () => {
  await assert.rejects(loadModules(join(folder, 'none')), {
    problems: ['AGENTS_DIR: the folder cannot be read (ENOENT)'],
  });
  assert.deepEqual(await problemsOf({ 'readme.md': '' }), ['AGENTS_DIR: there is no module in it']);
});

test('files and folders of any kind are modules, and what lies beside them is not', async () => {
  const names = await namesIn({
    'a.mjs': agentText('a'),
    'b.ts': agentText('b', 'timeout: 5 as number,'),
    'c/package.json':
      '{ "type": "module", "exports": { ".": { "types": "./x", "import": "./c.js" } } }',
    'c/c.js': agentText('c'),
    'd/package.json': '{ "type": "module", "main": "d.js" }',
    'd/d.js': agentText('d'),
    'e/index.mjs': `${agentText('e')}
      export const other = defineAgent({ name: 'f', async *run() {} });`,
    'types.d.ts': 'export {};',
    'a.spec.mjs': 'throw 1;',
    'tool.config.mjs': 'throw 1;',
    '_shared/index.mjs': 'throw 1;',
    '.hidden.mjs': 'throw 1;',
    'node_modules/x/index.js': 'throw 1;',
    'package.json': '{}',
  });
  assert.deepEqual(names, ['a', 'b', 'c', 'd', 'e', 'f']);
});

test('a module in a package of its own has its own dependencies, and its own copy of ours', async () => {
  const names = await namesIn({
    'own/package.json': '{ "type": "module", "main": "main.js" }',
    'own/main.js': `
      import { defineAgent } from '@switchboard/agent';
      import { name } from 'dependency';
      export const agent = defineAgent({ name, async *run() {} });`,
    'own/node_modules/dependency/package.json': '{ "type": "module", "main": "index.js" }',
    'own/node_modules/dependency/index.js': "export const name = 'from-a-dependency';",
    'own/node_modules/@switchboard/agent/package.json': '{ "type": "module", "main": "index.js" }',
    'own/node_modules/@switchboard/agent/index.js': `
      export const defineAgent = (agent) =>
        Object.defineProperty(agent, Symbol.for('switchboard.agent'), { value: 1 });`,
  });
  assert.deepEqual(names, ['from-a-dependency']);
});

test('a folder of links, as a ConfigMap is mounted, is read once', async () => {
  write({ '..2026/a.mjs': agentText('linked') });
  symlinkSync('..2026', join(folder, '..data'));
  symlinkSync('..data/a.mjs', join(folder, 'a.mjs'));
  assert.deepEqual(await namesIn({}), ['linked']);
});

test('the same agent or tool by two names, or in two modules, is one', async () => {
  const names = await namesIn({
    '_shared.mjs': `${toolText('shared')} export { tool };`,
    'a.mjs': `
      ${IMPORTS}
      import { tool } from './_shared.mjs';
      export const one = defineAgent({ name: 'one', tools: [tool], async *run() {} });
      export default one;`,
    'b.mjs': "export { tool } from './_shared.mjs'; export { one } from './a.mjs';",
  });
  assert.deepEqual(names, ['one', 'shared']);
});
