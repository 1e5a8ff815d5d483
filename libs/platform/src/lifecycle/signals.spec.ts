import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { spawn } from 'node:child_process';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { Lifecycle } from './lifecycle.ts';
import { shutdownOnSignals } from './signals.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };

function rig() {
  const source = new EventEmitter();
  const lifecycle = new Lifecycle({ budgetMs: 60_000, log });
  const drain = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<void>();
  const exits: number[] = [];
  lifecycle.onDrain('work', () => drain.promise);
  const exit = (code: number) => {
    exits.push(code);
    exited.resolve();
  };
  shutdownOnSignals(lifecycle, { log, source, exit });
  return { source, lifecycle, drain, exits, exited: exited.promise };
}

test('a signal drains and then exits with 0', async () => {
  const { source, lifecycle, drain, exits, exited } = rig();
  source.emit('SIGTERM', 'SIGTERM');
  await turn();
  assert.equal(lifecycle.state, 'drain');
  assert.deepEqual(exits, []);
  drain.resolve();
  await exited;
  assert.deepEqual(exits, [0]);
  assert.equal(source.listenerCount('SIGTERM') + source.listenerCount('SIGINT'), 0);
});

test('Ctrl-C pressed twice quickly loses no work; again after 5 s exits with 1', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { source, drain, exits, exited } = rig();
  source.emit('SIGINT', 'SIGINT');
  source.emit('SIGINT', 'SIGINT');
  t.mock.timers.tick(4_999);
  source.emit('SIGINT', 'SIGINT');
  assert.deepEqual(exits, []);
  t.mock.timers.tick(1);
  source.emit('SIGINT', 'SIGINT');
  assert.deepEqual(exits, [1]);
  drain.resolve();
  await exited;
});

test('a shutdown begun by the program itself still exits with 0 on a signal', async () => {
  const { source, lifecycle, drain, exits, exited } = rig();
  const ended = lifecycle.shutdown('program');
  source.emit('SIGTERM', 'SIGTERM');
  drain.resolve();
  await ended;
  await exited;
  assert.deepEqual(exits, [0]);
});

test('a real process with open handles ends with 0 on SIGTERM', async () => {
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const program = `
    import { Lifecycle } from ${url('./lifecycle.ts')};
    import { shutdownOnSignals } from ${url('./signals.ts')};
    const log = { info() {}, warn() {}, error() {} };
    const lifecycle = new Lifecycle({ budgetMs: 5000, log });
    lifecycle.onClose('say', () => console.log('closed'));
    shutdownOnSignals(lifecycle, { log });
    setInterval(() => {}, 1000);
    console.log('ready');
  `;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (text.includes('ready')) child.kill('SIGTERM');
  });
  const ended = await once(child, 'close');
  assert.deepEqual([...ended, output], [0, null, 'ready\nclosed\n']);
});
