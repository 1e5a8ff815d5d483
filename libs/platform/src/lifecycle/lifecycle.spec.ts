import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { Lifecycle, StepTimeoutError } from './lifecycle.ts';

const problems: unknown[] = [];
const log = {
  info: () => {},
  error: (fields: object) => {
    if ('err' in fields && fields.err instanceof AggregateError) {
      problems.push(...fields.err.errors);
    }
  },
};

beforeEach(() => {
  problems.length = 0;
  mock.timers.enable({ apis: ['setTimeout'] });
});
afterEach(() => mock.timers.reset());

const never = () => new Promise<void>(() => {});

/** Lets everything run that needs no timer. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 20; turns += 1) await turn();
}

test('phases run in order and the steps of a phase in the order of registration', async () => {
  const lifecycle = new Lifecycle({ budgetMs: 1000, log });
  const seen: string[] = [];
  const step = (name: string) => async () => {
    await turn();
    seen.push(`${lifecycle.state} ${name}`);
  };
  lifecycle.onClose('http', step('http'));
  lifecycle.onClose('nats', step('nats'));
  lifecycle.onAbort('runs', step('runs'));
  lifecycle.onDrain('runs', step('runs'));
  lifecycle.onStopIntake('http', step('http'));
  assert.equal(lifecycle.state, 'running');
  await lifecycle.shutdown('test');
  assert.deepEqual(seen, [
    'stopIntake http',
    'drain runs',
    'abort runs',
    'close http',
    'close nats',
  ]);
  assert.equal(lifecycle.state, 'stopped');
  assert.deepEqual(problems, []);
});

test('a second shutdown is the first one, and registers nothing', async () => {
  const lifecycle = new Lifecycle({ budgetMs: 1000, log });
  let runs = 0;
  lifecycle.onDrain('count', () => {
    runs += 1;
  });
  const first = lifecycle.shutdown('first');
  assert.equal(lifecycle.shutdown('second'), first);
  assert.throws(() => lifecycle.onClose('late', never), /too late/);
  await first;
  assert.equal(lifecycle.shutdown('third'), first);
  assert.equal(runs, 1);
});

test('a step that throws does not keep the next ones from running, and is logged at the end', async () => {
  const lifecycle = new Lifecycle({ budgetMs: 1000, log });
  const seen: string[] = [];
  lifecycle.onStopIntake('sync', () => {
    throw new Error('one');
  });
  lifecycle.onStopIntake('async', () => Promise.reject(new Error('two')));
  lifecycle.onStopIntake('next', () => void seen.push('next'));
  lifecycle.onClose('last', () => void seen.push('last'));
  await lifecycle.shutdown('test');
  assert.deepEqual(seen, ['next', 'last']);
  assert.deepEqual(
    problems.map((problem) => problem instanceof Error && [problem.message, problem.cause]),
    [
      ['stopIntake: sync failed', new Error('one')],
      ['stopIntake: async failed', new Error('two')],
    ],
  );
});

test('an endless drain is left when only the reserve remains, and the rest still runs', async () => {
  const lifecycle = new Lifecycle({ budgetMs: 1000, reserveMs: 300, log });
  const seen: string[] = [];
  lifecycle.onDrain('endless', never);
  lifecycle.onDrain('begun late', (signal) => void seen.push(`late ${signal.aborted}`));
  lifecycle.onAbort('runs', (signal) => void seen.push(`abort ${signal.aborted}`));
  lifecycle.onClose('nats', () => void seen.push('close'));
  const ended = lifecycle.shutdown('test');
  mock.timers.tick(699);
  await settle();
  assert.equal(lifecycle.state, 'drain');
  mock.timers.tick(1);
  await settle();
  assert.equal(lifecycle.state, 'stopped');
  await ended;
  assert.deepEqual(seen, ['late true', 'abort false', 'close']);
  assert.ok(problems[0] instanceof StepTimeoutError);
  assert.equal(problems.length, 1);
});

test('a drain that ends because its signal aborted is no problem', async () => {
  const lifecycle = new Lifecycle({ budgetMs: 1000, reserveMs: 300, log });
  lifecycle.onDrain('polite', async (signal) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  });
  const ended = lifecycle.shutdown('test');
  await settle();
  mock.timers.tick(700);
  await settle();
  assert.equal(lifecycle.state, 'stopped');
  await ended;
  assert.deepEqual(problems, []);
});

test('the whole shutdown ends within the budget even if every step hangs', async () => {
  const lifecycle = new Lifecycle({ budgetMs: 1000, log });
  const begun: string[] = [];
  const hang = (name: string) => () => {
    begun.push(name);
    return never();
  };
  lifecycle.onStopIntake('a', hang('a'));
  lifecycle.onDrain('b', hang('b'));
  lifecycle.onAbort('c', hang('c'));
  lifecycle.onClose('d', hang('d'));
  const ended = lifecycle.shutdown('test');
  mock.timers.tick(900);
  await settle();
  mock.timers.tick(100);
  await settle();
  assert.equal(lifecycle.state, 'stopped');
  await ended;
  assert.deepEqual(begun, ['a', 'b', 'c', 'd']);
  assert.equal(problems.length, 4);
});

test('a reserve that leaves nothing to drain with is refused', () => {
  assert.throws(() => new Lifecycle({ budgetMs: 100, reserveMs: 100, log }), RangeError);
});
