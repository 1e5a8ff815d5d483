import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';

import { Balancer } from './balancer.ts';

async function namedServer(name: string): Promise<{ server: Server; port: number }> {
  const server = createServer((_request, response) => response.end(name));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

async function get(url: string): Promise<string> {
  const response = await fetch(url, {
    headers: { connection: 'close' },
    signal: AbortSignal.timeout(5_000),
  });
  return await response.text();
}

it('each connection goes to the next server, and none to one that is gone', async (test) => {
  const [one, two] = [await namedServer('one'), await namedServer('two')];
  const balancer = await Balancer.to([one.port, two.port]);
  test.after(() => {
    balancer.close();
    two.server.close();
  });
  const both = [await get(balancer.url), await get(balancer.url)];
  assert.deepEqual(both.toSorted(), ['one', 'two']);
  await new Promise((resolve) => one.server.close(resolve));
  assert.deepEqual([await get(balancer.url), await get(balancer.url)], ['two', 'two']);
  two.server.closeAllConnections();
  await new Promise((resolve) => two.server.close(resolve));
  await assert.rejects(get(balancer.url));
});
