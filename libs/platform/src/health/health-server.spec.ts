import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { startHealthServer } from './health-server.ts';
import type { HealthServer } from './health-server.ts';

const checks = { nats: true, pool: true };
const warnings: string[] = [];
const state: { ready: () => Record<string, boolean> } = { ready: () => checks };
const server: HealthServer = await startHealthServer({
  host: '127.0.0.1',
  port: 0,
  ready: () => state.ready(),
  log: { warn: (_fields, message) => void warnings.push(message) },
});
after(() => server.close());

async function get(path: string, method = 'GET') {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
  const text = await response.text();
  return { status: response.status, body: text === '' ? '' : (JSON.parse(text) as unknown) };
}

test('a live process answers /livez with 200 whatever its checks say', async () => {
  state.ready = () => ({ nats: false });
  assert.deepEqual(await get('/livez'), { status: 200, body: { status: 'live' } });
});

test('/readyz is 200 when every check holds and 503 as soon as one does not', async () => {
  state.ready = () => checks;
  assert.deepEqual(await get('/readyz?x=1'), { status: 200, body: { status: 'ready', checks } });
  state.ready = () => ({ ...checks, nats: false });
  assert.deepEqual(await get('/readyz'), {
    status: 503,
    body: { status: 'not_ready', checks: { nats: false, pool: true } },
  });
});

test('a check that throws is unready, logged, and leaves the server serving', async () => {
  state.ready = () => {
    throw new Error('bug');
  };
  assert.equal((await get('/readyz')).status, 503);
  assert.deepEqual(warnings, ['a readiness check threw']);
  assert.equal((await get('/livez')).status, 200);
});

test('other paths and methods are refused', async () => {
  assert.equal((await get('/')).status, 404);
  assert.equal((await get('/livez', 'POST')).status, 405);
  assert.deepEqual(await get('/livez', 'HEAD'), { status: 200, body: '' });
});

test('a taken port rejects with the reason', async () => {
  const options = { host: '127.0.0.1', port: server.port, ready: () => checks };
  await assert.rejects(startHealthServer({ ...options, log: { warn: () => {} } }), {
    code: 'EADDRINUSE',
  });
});

test('close ends although a client has sent half a request, and may be called twice', async () => {
  const other = await startHealthServer({
    host: '127.0.0.1',
    port: 0,
    ready: () => checks,
    log: { warn: () => {} },
  });
  const socket = connect(other.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('GET /livez HTTP/1.1\r\n');
  await get('/livez');
  const closed = once(socket, 'close');
  socket.on('error', () => {
    // A reset is as good an end as a close.
  });
  await Promise.all([other.close(), other.close(), closed]);
});
