import assert from 'node:assert/strict';
import {
  mkdir,
  mkdtemp,
  open as openFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, it } from 'node:test';
import { leakGuard, seededRandom, testSeed, until } from '@switchboard/testkit';
import { ConfigError } from './config-error.ts';
import { WatchedFile } from './watched-file.ts';

let folder: string;
let path: string;
let lines: string[];
let opened: WatchedFile<string>[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'watched-'));
  path = join(folder, 'file');
  lines = [];
  opened = [];
});

afterEach(async () => {
  for (const file of opened) file.close();
  await rm(folder, { recursive: true });
});

async function open(pollIntervalMs = 3_600_000, target = path): Promise<WatchedFile<string>> {
  const log = (level: string) => (fields: object, message: string) => {
    lines.push(`${level}: ${message} ${JSON.stringify(fields)}`);
  };
  const file = await WatchedFile.open({
    variable: 'THE_FILE',
    path: target,
    maxBytes: 100,
    parse: (text) => {
      if (text.startsWith('good')) return text;
      throw new ConfigError(['THE_FILE: is not good']);
    },
    pollIntervalMs,
    log: { info: log('info'), error: log('error') },
  });
  opened.push(file);
  return file;
}

/** What was read twice is in use. */
async function lookTwice(file: WatchedFile<string>): Promise<void> {
  await file.look();
  await file.look();
}

it('a file that is missing, broken, too large or no file at all stops the start', async () => {
  const wrong: readonly (readonly [make: () => Promise<unknown>, problem: RegExp])[] = [
    [async () => undefined, /THE_FILE: the file cannot be read \(ENOENT\)/],
    [() => writeFile(path, 'bad'), /THE_FILE: is not good/],
    [() => writeFile(path, 'good'.padEnd(101)), /THE_FILE: the file is larger than 100 bytes/],
    [() => mkdir(path), /THE_FILE: is not a regular file/],
  ];
  for (const [make, problem] of wrong) {
    await make();
    await assert.rejects(open(), (error) => {
      return error instanceof ConfigError && problem.test(error.message);
    });
    await rm(path, { recursive: true, force: true });
  }
});

it('a change is in use after the next look, in whatever way it is made', async () => {
  await writeFile(path, 'good 0');
  const file = await open();
  const ways: readonly (readonly [text: string, change: () => Promise<void>])[] = [
    ['good 1', () => writeFile(path, 'good 1')],
    ['good 2', () => replaceBy('good 2')],
    // The same size and the same time as before: only the moment of the change differs.
    ['good 3', () => writeFile(path, 'good 3').then(() => utimes(path, 1, 1))],
    ['good 4', () => writeFile(path, 'good 4').then(() => utimes(path, 1, 1))],
  ];
  for (const [text, change] of ways) {
    // Until it no longer expects another change soon after the last.
    for (let looks = 0; looks < 5; looks += 1) await file.look();
    await change();
    await lookTwice(file);
    assert.equal(file.value, text);
  }
  assert.deepEqual(
    [...new Set(lines)],
    ['info: a file has changed and is in use {"file":"THE_FILE"}'],
  );
});

async function replaceBy(text: string): Promise<void> {
  await writeFile(join(folder, 'new'), text);
  await rename(join(folder, 'new'), path);
}

it('a mounted secret is followed through the swap of its folder', async () => {
  await mkdir(join(folder, 'v1'));
  await mkdir(join(folder, 'v2'));
  await writeFile(join(folder, 'v1', 'keys'), 'good 1');
  await writeFile(join(folder, 'v2', 'keys'), 'good 2');
  await symlink('v1', join(folder, '..data'));
  await symlink(join('..data', 'keys'), join(folder, 'keys'));
  const file = await open(5, join(folder, 'keys'));
  await symlink('v2', join(folder, '..new'));
  await rename(join(folder, '..new'), join(folder, '..data'));
  await rm(join(folder, 'v1'), { recursive: true });
  await until(() => file.value === 'good 2', { what: 'the new secret' });
  assert.ok(!lines.some((line) => line.startsWith('error')), lines.join('\n'));
});

it('a file that breaks or disappears leaves the last good state, and says so once', async () => {
  await writeFile(path, 'good 1');
  const file = await open();
  const accidents: readonly (readonly [happen: () => Promise<void>, problem: RegExp])[] = [
    [() => writeFile(path, 'bad'), /is not good/],
    [() => writeFile(path, ''), /is not good/],
    [() => writeFile(path, 'good'.padEnd(101)), /larger than/],
    [() => rm(path), /ENOENT/],
  ];
  for (const [happen, problem] of accidents) {
    lines.length = 0;
    await happen();
    for (let looks = 0; looks < 10; looks += 1) await file.look();
    assert.equal(file.value, 'good 1');
    assert.match(file.problem ?? '', problem);
    assert.equal(lines.length, 1);
    await writeFile(path, 'good 1');
    await file.look();
    assert.equal(file.problem, undefined);
    assert.match(lines.at(-1) ?? '', /^info: a file is as it was again/);
  }
});

it('a file that is moved away and back is in use again', async () => {
  await writeFile(path, 'good 1');
  const file = await open();
  for (let looks = 0; looks < 5; looks += 1) await file.look();
  await rename(path, `${path}.away`);
  await lookTwice(file);
  assert.match(file.problem ?? '', /ENOENT/);
  await rename(`${path}.away`, path);
  await file.look();
  assert.equal(file.problem, undefined);
});

it('W2: of a file that is written in place no half is used, and none is complained of', async () => {
  await writeFile(path, 'good 1');
  const file = await open();
  // Every half of it is a good file by itself.
  const written = await openFile(path, 'w');
  await file.look();
  await written.write('good');
  await file.look();
  await written.write(' 2');
  await file.look();
  await written.close();
  assert.equal(file.value, 'good 1');
  await file.look();
  assert.equal(file.value, 'good 2');
  assert.ok(!lines.some((line) => line.startsWith('error')), lines.join('\n'));
});

it('W1: each wrong content is complained of once, whether or not it is wrong in the same way', async () => {
  await writeFile(path, 'good 1');
  const file = await open();
  for (const text of ['bad 1', 'bad 2']) {
    await replaceBy(text);
    for (let looks = 0; looks < 10; looks += 1) await file.look();
  }
  assert.deepEqual(
    lines.map((line) => line.split(' ')[0]),
    ['error:', 'error:'],
  );
  assert.ok(!lines.join('').includes('bad'));
});

it('whatever is done to it, what is in use was whole at some time, and the last one comes', async (test) => {
  const seed = testSeed(test);
  const random = seededRandom(seed);
  await writeFile(path, 'good 0');
  const file = await open();
  const whole = new Set(['good 0']);
  const half = async (text: string): Promise<void> => {
    await writeFile(path, text.slice(0, random.int(0, text.length - 1)));
    await file.look();
    await writeFile(path, text);
  };
  for (let change = 1; change <= 300; change += 1) {
    const text = `${random.pick(['good', 'bad'])} ${change}`;
    if (text.startsWith('good')) whole.add(text);
    await random.pick([() => writeFile(path, text), () => replaceBy(text), () => half(text)])();
    if (random.next() < 0.1) await rm(path);
    for (let looks = random.int(0, 3); looks > 0; looks -= 1) await file.look();
    assert.ok(whole.has(file.value), `seed ${seed}: ${file.value}`);
  }
  await replaceBy('good at last');
  await lookTwice(file);
  assert.equal(file.value, 'good at last', `seed ${seed}`);
});

it('after it is closed nothing is read any more', async () => {
  await writeFile(path, 'good 1');
  const [closed, other] = [await open(1), await open(1)];
  closed.close();
  for (const text of ['good 2', 'good 3', 'good 4']) {
    await replaceBy(text);
    await until(() => other.value === text, { what: 'the polls of another' });
  }
  assert.equal(closed.value, 'good 1');
});

leakGuard();
