/**
 * A project of somebody else's: outside the repository, with both of our packages as `npm pack`
 * makes them, a package of its own, an agent, and a caller.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { childEnvironment } from '@switchboard/stack';
import { leakGuard, until } from '@switchboard/testkit';

import { npm } from '../examples/install-example.ts';
import { PATIENCE_MS, TestStack } from '../test-stack.ts';

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const TIMEOUT_MS = 60_000;

/** Nothing that a worker has. */
const OWN_PACKAGE = 'ms@2.1.3';
const AGENT = `import { AgentError, defineAgent } from '@switchboard/agent';
import ms from 'ms';
import type { StringValue } from 'ms';

export default defineAgent({
  name: 'stopwatch',
  model: 'sim/text=echo,pace=5ms',
  async *run(request, { model }) {
    const time = ms(request.prompt as StringValue);
    if (time === undefined) throw new AgentError('That is no time.', { code: 'invalid_request' });
    yield \`\${request.prompt} are \${time} ms. \`;
    yield* model.stream({ messages: request.messages });
  },
});
`;
const CALLER = `import { createClient } from '@switchboard/client';

const client = createClient({ baseURL: process.argv[2] ?? '', apiKey: 'any' });
console.log(await client.agent('stopwatch').call('2 days'));
console.log(await client.agent('stopwatch').call('soon').catch((error) => error.code));
`;
const SETTINGS = {
  compilerOptions: {
    strict: true,
    exactOptionalPropertyTypes: true,
    verbatimModuleSyntax: true,
    noEmit: true,
    target: 'es2024',
    module: 'nodenext',
    types: ['node'],
  },
  include: ['agents', 'caller.mts'],
};

const run = promisify(execFile);

let project = '';
let stack: TestStack;

before(async () => {
  project = fs.mkdtempSync(join(tmpdir(), 'switchboard-project-'));
  fs.writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }\n');
  const packages = [];
  for (const name of ['agent', 'client']) {
    const folder = join(REPOSITORY, 'libs', name);
    const packed = await npm(['pack', '--silent', '--pack-destination', project], folder);
    packages.push(`./${packed.trim()}`);
  }
  const types = ['@types/ms@2.1.0', '@types/node@26.6.6', 'zod@4.6.7'];
  const options = ['--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts'];
  await npm(['install', ...options, ...packages, OWN_PACKAGE, ...types], project);
  fs.mkdirSync(join(project, 'agents'));
  fs.writeFileSync(join(project, 'agents', 'stopwatch.ts'), AGENT);
  fs.writeFileSync(join(project, 'caller.mts'), CALLER);
  fs.writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(SETTINGS));
  // No file names the agent: gateways hear of it from the worker.
  stack = await TestStack.start({ workerEnv: { AGENTS_DIR: join(project, 'agents') } });
  const known = async () => (await fetch(`${stack.url}/v1/models/stopwatch`)).ok;
  await until(known, { what: 'the agent to be known', timeoutMs: PATIENCE_MS });
});
after(async () => {
  await stack?.stop();
  fs.rmSync(project, { recursive: true });
});

describe('a project outside the repository', () => {
  it('has the packages without their sources and tests', () => {
    for (const name of ['agent', 'client']) {
      const folder = join(project, 'node_modules', '@switchboard', name);
      const files = fs.readdirSync(folder).toSorted();
      assert.deepEqual(files, ['README.md', 'dist', 'package.json']);
      const built = fs
        .readdirSync(join(folder, 'dist'))
        .filter((file) => !/\.(js|d\.ts)$/.test(file));
      assert.deepEqual(built, []);
    }
  });

  it('is checked by the compiler against their types', async () => {
    const tsc = join(REPOSITORY, 'node_modules', '.bin', 'tsc');
    await run(tsc, ['-p', project], { timeout: TIMEOUT_MS });
  });

  it('calls its agent, which uses a package of its own, with the client', async () => {
    const { stdout } = await run(process.execPath, ['caller.mts', `${stack.url}/v1`], {
      cwd: project,
      env: childEnvironment(),
      timeout: TIMEOUT_MS,
    });
    assert.equal(stdout, '2 days are 172800000 ms. 2 days\ninvalid_request\n');
  });
});

leakGuard();
