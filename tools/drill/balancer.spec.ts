import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';

import { until } from '@switchboard/testkit';

import { Balancer } from './balancer.ts';

/** Answers every request with its name and the status it has now. */
async function namedServer(
  name: string,
  status = (): number => 200,
): Promise<{ server: Server; port: number }> {
  const server = createServer((_request, response) => {
    response.statusCode = status();
    response.end(name);
  });
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

it('no connection goes to a server that is not ready, until it is again', async (test) => {
  let status = 503;
  const [one, two] = [await namedServer('one', () => status), await namedServer('two')];
  const balancer = await Balancer.to([one.port, two.port]);
  test.after(() => {
    balancer.close();
    for (const { server } of [one, two]) server.close();
  });
  const both = async (): Promise<string> => {
    return [await get(balancer.url), await get(balancer.url)].toSorted().join(' ');
  };
  await until(async () => (await both()) === 'two two', { what: 'only the ready one' });
  assert.equal(await both(), 'two two');
  status = 200;
  await until(async () => (await both()) === 'one two', { what: 'both of them' });
});
