import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { inspect } from 'node:util';
import { ConfigError } from './config-error.ts';
import * as option from './options.ts';
import { defineOptions, readConfig } from './read-config.ts';
import type { Check } from './read-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'config-spec-'));
after(() => rmSync(folder, { recursive: true }));

const options = defineOptions({
  HOST: option.string({ doc: 'Where to listen.', default: '127.0.0.1' }),
  PORT: option.port({ doc: 'Port.', default: 8080 }),
  POOL_SIZE: option.integer({ doc: 'Slots.', default: 10, min: 1, max: 1000 }),
  SOFT_LIMIT_MS: option.duration({ doc: 'Soft.', default: 10, min: 0, max: 60_000 }),
  HARD_LIMIT_MS: option.duration({ doc: 'Hard.', default: 20, min: 0, max: 60_000 }),
  MAX_BODY_BYTES: option.bytes({ doc: 'Body.', default: 4_194_304, min: 1024, max: 1024 ** 3 }),
  NATS_URL: option.url({
    doc: 'Queue.',
    default: 'nats://127.0.0.1:4222',
    protocols: ['nats', 'tls'],
    list: true,
  }),
  API_KEY: option.secret({ doc: 'Key.' }),
  LOG_LEVEL: option.choice(['info', 'debug'], { doc: 'Level.', default: 'info' }),
  VERBOSE: option.boolean({ doc: 'More.', default: false }),
  NICKNAME: option.string({ doc: 'Optional.' }),
});

function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
  throw new Error('no problem was reported');
}

test('unset and empty variables give the declared defaults, in camelCase', () => {
  const config = readConfig(options, { PORT: '', POOL_SIZE: '  ', UNKNOWN: 'ignored' });
  assert.deepEqual(config, {
    host: '127.0.0.1',
    port: 8080,
    poolSize: 10,
    softLimitMs: 10,
    hardLimitMs: 20,
    maxBodyBytes: 4_194_304,
    natsUrl: 'nats://127.0.0.1:4222',
    apiKey: undefined,
    logLevel: 'info',
    verbose: false,
    nickname: undefined,
  });
  assert.ok(Object.isFrozen(config));
});

test('every kind reads what it documents', () => {
  const config = readConfig(options, {
    PORT: '0',
    POOL_SIZE: ' 25 ',
    MAX_BODY_BYTES: '64KiB',
    NATS_URL: 'nats://a:4222, tls://b:4222',
    LOG_LEVEL: 'debug',
    VERBOSE: '1',
    NICKNAME: 'x',
  });
  // The types are part of the guarantee: these assignments compile.
  const level: 'info' | 'debug' = config.logLevel;
  const size: number = config.maxBodyBytes;
  const nickname: string | undefined = config.nickname;
  assert.deepEqual(
    [config.port, config.poolSize, size, config.natsUrl, level, config.verbose, nickname],
    [0, 25, 65_536, 'nats://a:4222, tls://b:4222', 'debug', true, 'x'],
  );
});

test('every problem is reported together, by variable name and never by value', () => {
  const env = {
    PORT: '70000',
    POOL_SIZE: '1e3',
    SOFT_LIMIT_MS: '-1',
    MAX_BODY_BYTES: '4 megabytes',
    NATS_URL: 'http://SECRETVALUE',
    LOG_LEVEL: 'SECRETVALUE',
    VERBOSE: 'SECRETVALUE',
  };
  const problems = problemsOf(() => readConfig(options, env));
  assert.deepEqual(problems, [
    'PORT: must be a port from 0 to 65535',
    'POOL_SIZE: must be an integer from 1 to 1000',
    'SOFT_LIMIT_MS: must be milliseconds from 0 to 60000',
    'MAX_BODY_BYTES: must be bytes (or KiB, MiB, GiB) from 1KiB to 1GiB',
    'NATS_URL: must be addresses, separated by commas, each with nats:// or tls:// ' +
      'and no user or password',
    'LOG_LEVEL: must be one of info, debug',
    'VERBOSE: must be true or false',
  ]);
  const message = new ConfigError(problems).message;
  assert.match(message, /has 7 problems:\n {2}PORT/);
  assert.doesNotMatch(message, /SECRETVALUE/);
});

test('an address with credentials in it is refused', () => {
  for (const url of ['nats://me:pass@host:4222', 'nats://token@host', 'nats://', 'host:4222']) {
    assert.equal(problemsOf(() => readConfig(options, { NATS_URL: url })).length, 1, url);
  }
});

test('a required option without a value is a problem', () => {
  const required = defineOptions({
    NAME: option.string({ doc: 'Name.', required: true }),
    KEY: option.secret({ doc: 'Key.', required: true }),
  });
  assert.deepEqual(
    problemsOf(() => readConfig(required, { NAME: ' ' })),
    ['NAME: must be set: text', 'KEY: must be set: a secret'],
  );
  const config = readConfig(required, { NAME: 'n', KEY: 'k' });
  const key: string = config.key.reveal();
  assert.equal(key, 'k');
});

test('a secret is read from a file, and from one place only', () => {
  const path = join(folder, 'key');
  writeFileSync(path, 'from-file\n');
  assert.equal(readConfig(options, { API_KEY_FILE: path }).apiKey?.reveal(), 'from-file');
  assert.deepEqual(
    problemsOf(() => readConfig(options, { API_KEY_FILE: path, API_KEY: 'x' })),
    ['API_KEY and API_KEY_FILE: set only one of them'],
  );
  writeFileSync(path, '\n');
  assert.deepEqual(
    problemsOf(() => readConfig(options, { API_KEY_FILE: path })),
    ['API_KEY_FILE: the file is empty'],
  );
  assert.deepEqual(
    problemsOf(() => readConfig(options, { API_KEY_FILE: join(folder, 'none') })),
    ['API_KEY_FILE: the file cannot be read (ENOENT)'],
  );
});

test('no way of printing a configuration shows a secret', () => {
  const config = readConfig(options, { API_KEY: 'SECRETVALUE' });
  const printed = [inspect(config), JSON.stringify(config), String(config.apiKey)].join('\n');
  assert.doesNotMatch(printed, /SECRETVALUE/);
  assert.match(printed, /\[secret\]/);
});

test('a contradiction names both variables and is left out when one of them is wrong', () => {
  const check: Check<typeof options> = {
    variables: ['SOFT_LIMIT_MS', 'HARD_LIMIT_MS'],
    holds: (config) => config.softLimitMs <= config.hardLimitMs,
    message: 'the first must not exceed the second',
  };
  assert.deepEqual(
    problemsOf(() => readConfig(options, { SOFT_LIMIT_MS: '30' }, [check])),
    ['SOFT_LIMIT_MS and HARD_LIMIT_MS: the first must not exceed the second'],
  );
  assert.deepEqual(
    problemsOf(() => readConfig(options, { SOFT_LIMIT_MS: 'soft', HARD_LIMIT_MS: '0' }, [check])),
    ['SOFT_LIMIT_MS: must be milliseconds from 0 to 60000'],
  );
  assert.equal(readConfig(options, { SOFT_LIMIT_MS: '20' }, [check]).softLimitMs, 20);
});

test('a variable whose name is not upper case cannot be declared', () => {
  assert.throws(() => defineOptions({ port: option.port({ doc: 'Port.' }) }), TypeError);
});
