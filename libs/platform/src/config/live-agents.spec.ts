import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, it } from 'node:test';
import { leakGuard, until } from '@switchboard/testkit';
import { builtInProfiles } from './agents-file.ts';
import { ConfigError } from './config-error.ts';
import { LiveAgents } from './live-agents.ts';
import type { LiveAgentsOptions } from './live-agents.ts';

let folder: string;
let path: string;
let lines: string[];
let live: LiveAgents | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'live-agents-'));
  path = join(folder, 'agents.yaml');
  lines = [];
});

afterEach(async () => {
  live?.close();
  await rm(folder, { recursive: true });
});

const fileOf = (...agents: object[]): string => JSON.stringify({ agents });
const agent = (name: string, fields: object = {}): object => ({ name, model: 'm', ...fields });

async function write(text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
  await live?.look();
  await live?.look();
}

async function open(options: Partial<LiveAgentsOptions> = {}): Promise<LiveAgents> {
  const log = (level: string) => (fields: object, message: string) => {
    lines.push(`${level}: ${message} ${JSON.stringify(fields)}`);
  };
  live = await LiveAgents.open({
    path,
    builtIn: builtInProfiles(),
    pollIntervalMs: 3_600_000,
    log: { info: log('info'), error: log('error') },
    ...options,
  });
  return live;
}

const names = ({ current }: LiveAgents): string[] => current.agents.map(({ name }) => name);

it('without a file the built-in agents are there for ever', async () => {
  const agents = await open({ path: undefined });
  assert.deepEqual(names(agents), ['assistant', 'sim/*']);
  assert.equal(agents.current.version, 'built-in');
});

it('a file that is refused stops the start, also when the service itself refuses it', async () => {
  await writeFile(path, fileOf());
  await assert.rejects(open(), /AGENTS_FILE: agents/);
  await writeFile(path, fileOf(agent('a')));
  const check = (): void => {
    throw new ConfigError(['DRAIN_TIMEOUT_MS: is too short']);
  };
  await assert.rejects(open({ check }), /DRAIN_TIMEOUT_MS/);
});

it('a new file is in use as a whole, and whoever has the old one keeps it', async () => {
  await writeFile(path, fileOf(agent('a'), agent('b')));
  const agents = await open();
  const before = agents.current;
  const heard: unknown[] = [];
  agents.onChange((now, old) => heard.push([now, old]));
  await write(fileOf(agent('b', { timeout: 5 }), agent('c')));
  assert.deepEqual(names(agents), ['b', 'c']);
  assert.deepEqual(heard, [[agents.current, before]]);
  assert.deepEqual(
    before.agents.map(({ name }) => name),
    ['a', 'b'],
  );
  const [line = ''] = lines;
  assert.match(line, /^info: .*"added":\["c"\],"changed":\["b"\],"removed":\["a"\]/);
  assert.ok(line.includes(before.version) && line.includes(agents.current.version), line);
});

it('the version is that of the text, whoever reads it', async () => {
  await writeFile(path, fileOf(agent('a')));
  const { version } = (await open()).current;
  await write(fileOf(agent('b')));
  assert.notEqual(live?.current.version, version);
  await write(fileOf(agent('a')));
  assert.equal(live?.current.version, version);
  assert.match(version, /^[0-9a-f]{12}$/);
});

it('a bad file is refused with every problem and no value, and the old one stays', async () => {
  await writeFile(path, fileOf(agent('a')));
  const agents = await open({
    check: ({ agents: all }) => {
      if (all.some(({ timeout }) => timeout > 600)) throw new ConfigError(['agents: too long']);
    },
  });
  const { current } = agents;
  const told: unknown[] = [];
  agents.onChange((now) => told.push(now));
  const bad = fileOf(agent('b', { timeout: -1, instructions: 'PRIVATE' }), agent('c', { x: 1 }));
  const accidents: readonly (readonly [happens: () => Promise<void>, ...problems: RegExp[]])[] = [
    [() => write(bad), /agents\[0\]\.timeout/, /agents\[1\]/],
    [() => write('agents: [PRIVATE'), /line 1/],
    [() => write(fileOf(agent('b', { timeout: 700, instructions: 'PRIVATE' }))), /too long/],
    [
      () =>
        rm(path)
          .then(() => agents.look())
          .then(() => agents.look()),
      /ENOENT/,
    ],
  ];
  for (const [happens, ...problems] of accidents) {
    lines.length = 0;
    await happens();
    for (let looks = 0; looks < 5; looks += 1) await agents.look();
    assert.equal(agents.current, current);
    assert.equal(lines.length, 1, lines.join('\n'));
    for (const problem of problems) assert.match(lines[0] ?? '', problem);
    assert.match(lines[0] ?? '', /^error: /);
    assert.doesNotMatch(lines[0] ?? '', /PRIVATE/);
  }
  assert.deepEqual(told, []);
  await write(fileOf(agent('b')));
  assert.deepEqual(names(agents), ['b']);
  assert.equal(agents.problem, undefined);
});

it('what is defined elsewhere joins every file, or refuses it', async () => {
  const [elsewhere] = builtInProfiles();
  assert.ok(elsewhere !== undefined);
  const extend: LiveAgentsOptions['extend'] = (file) => {
    if (file.agents.some(({ name }) => name === elsewhere.name)) {
      throw new ConfigError(['AGENTS_FILE: assistant is defined elsewhere']);
    }
    return { ...file, agents: [...file.agents, elsewhere] };
  };
  await assert.rejects(open({ path: undefined, extend }), /defined elsewhere/);
  await writeFile(path, fileOf(agent('a')));
  const agents = await open({ extend });
  assert.deepEqual(names(agents), ['a', 'assistant']);
  await write(fileOf(agent('assistant')));
  assert.deepEqual(names(agents), ['a', 'assistant']);
  await write(fileOf(agent('b')));
  assert.deepEqual(names(agents), ['b', 'assistant']);
});

it('a new file is not in use before the service is ready for it', async () => {
  await writeFile(path, fileOf(agent('a')));
  const ready = Promise.withResolvers<void>();
  let checks = 0;
  const agents = await open({ check: () => ((checks += 1) === 1 ? undefined : ready.promise) });
  const written = write(fileOf(agent('b')));
  await until(() => checks === 2, { what: 'the check of the new file' });
  assert.deepEqual(names(agents), ['a']);
  ready.resolve();
  await written;
  assert.deepEqual(names(agents), ['b']);
});

leakGuard();
