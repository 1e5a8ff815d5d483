import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SwitchboardError } from '@switchboard/contract';
import { createLogger } from './logger.ts';
import type { LogLevelName } from './logger.ts';
import { NestLogger } from './nest-logger.ts';

interface LoggedError {
  readonly type?: string;
  readonly message?: string;
  readonly code?: string;
  readonly status?: number;
  readonly param?: string;
  readonly stack?: string;
  readonly cause?: LoggedError;
  readonly errors?: readonly unknown[];
}

interface Entry {
  readonly time: string;
  readonly level: string;
  readonly context?: string;
  readonly msg: string;
  readonly err?: LoggedError;
  readonly error?: LoggedError;
}

function parse(line: string): Entry {
  return JSON.parse(line);
}

function capture(level: LogLevelName = 'info') {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLogger({ name: 'gateway', level, destination });
  const entries = () => lines.map(parse);
  return { log, lines, entries };
}

test('a line is one JSON object with the level by name, an ISO time, process and ids', () => {
  const { log, entries } = capture();
  log.child({ requestId: 'req_1', run: 'g.1' }).info({ port: 8080 }, 'listening');
  log.debug('below the level');
  const [entry, ...others] = entries();
  assert.deepEqual(others, []);
  assert.match(entry?.time ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(
    { ...entry, time: '', pid: 0 },
    {
      level: 'info',
      time: '',
      name: 'gateway',
      pid: 0,
      requestId: 'req_1',
      run: 'g.1',
      port: 8080,
      msg: 'listening',
    },
  );
});

test('keys and prompts are redacted at the top two levels, also in child fields', () => {
  const { log, lines } = capture();
  const leaks = {
    authorization: 'LEAK',
    api_key: 'LEAK',
    apiKey: 'LEAK',
    password: 'LEAK',
    token: 'LEAK',
    cookie: 'LEAK',
    'set-cookie': 'LEAK',
    messages: [{ role: 'user', content: 'LEAK' }],
    content: 'LEAK',
    input: ['LEAK'],
    instructions: 'LEAK',
    text: 'LEAK',
    arguments: 'LEAK',
    delta: { content: 'LEAK' },
  };
  log.info(leaks, 'top');
  log.info({ request: leaks, headers: leaks }, 'second');
  log.child({ context: leaks }).info('child');
  assert.equal(lines.length, 3);
  assert.doesNotMatch(lines.join(''), /LEAK/);
  assert.match(lines[0] ?? '', /"password":"\[redacted\]"/);
});

test('an error keeps type, message, code and frames, and loses bodies and headers', () => {
  const { log, lines, entries } = capture();
  const cause = Object.assign(new Error('400 bad request'), {
    status: 400,
    code: 'invalid',
    headers: { authorization: 'LEAK' },
    error: { message: 'LEAK' },
    request: { body: 'LEAK' },
  });
  log.error(new SwitchboardError('provider_rejected', 'refused', { param: 'model', cause }));
  log.error({ error: new Error('two\nlines'), run: 'r' }, 'failed');
  const [first, second] = entries();
  assert.equal(first?.err?.type, 'SwitchboardError');
  assert.equal(first.err.code, 'provider_rejected');
  assert.equal(first.err.param, 'model');
  assert.equal(first.err.cause?.message, '400 bad request');
  assert.equal(first.err.cause.status, 400);
  assert.match(first.err.cause.stack ?? '', /^\s+at /);
  assert.match(second?.error?.message ?? '', /two\nlines/);
  assert.doesNotMatch(lines.join(''), /LEAK/);
});

test('a parser that quotes what it could not parse is not quoted in turn', () => {
  const { log, lines } = capture();
  try {
    JSON.parse('LEAK of a prompt');
  } catch (error) {
    log.warn({ err: error }, 'bad body');
  }
  assert.doesNotMatch(lines.join(''), /LEAK/);
  assert.match(lines[0] ?? '', /"message":"not valid JSON"/);
});

test('errors that are endless, many, or no errors at all are cut short', () => {
  const { log, entries } = capture();
  const looped: Error & { cause?: unknown } = new Error('x'.repeat(10_000));
  looped.cause = looped;
  log.error({ err: looped }, 'loop');
  log.error({ err: new AggregateError(Array.from({ length: 50 }, () => new Error('one'))) }, 'all');
  log.error({ err: { password: 'LEAK' } }, 'object');
  assert.ok(JSON.stringify(entries()[0]).length < 20_000);
  assert.equal(entries()[1]?.err?.errors?.length, 10);
  assert.deepEqual(entries()[2]?.err, { type: 'object', message: 'not an error' });
});

test("Nest's start-up lines go to debug and its other lines keep level and context", () => {
  const { log, entries } = capture('debug');
  const nest = new NestLogger(log);
  nest.log('Starting Nest application...', 'NestFactory');
  nest.log('hello', 'Orders');
  nest.warn('careful', 'Orders');
  nest.error('broken', 'Error: broken\n    at x (y.js:1:1)', 'ExceptionsHandler');
  nest.error(new Error('thrown'), undefined, 'ExceptionsHandler');
  nest.log({ prompt: 'LEAK' });
  nest.verbose('below the level');
  const lines = entries().map(({ level, context, msg }) => [level, context, msg]);
  assert.deepEqual(lines, [
    ['debug', 'NestFactory', 'Starting Nest application...'],
    ['info', 'Orders', 'hello'],
    ['warn', 'Orders', 'careful'],
    ['error', 'ExceptionsHandler', 'broken'],
    ['error', 'ExceptionsHandler', 'thrown'],
    ['info', undefined, 'an object, not shown'],
  ]);
});
