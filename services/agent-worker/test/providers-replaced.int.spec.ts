/** Endpoints that a new agents' file takes out of use, against a real simulator. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { afterEach, beforeEach, test } from 'node:test';
import { startSimulator } from '@switchboard/llm-simulator';
import type { RunEvent } from '@switchboard/contract';
import { leakGuard, until } from '@switchboard/testkit';
import type { EndpointOptions } from '../src/llm/endpoint.ts';
import { Providers } from '../src/llm/providers.ts';
import type { Answer, ChatProvider } from '../src/runner/chat-provider.ts';

let simulator: Awaited<ReturnType<typeof startSimulator>>;
let providers: Providers;

beforeEach(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0 });
  providers = new Providers([endpoint('one')], { warn: () => {} });
});

afterEach(async () => {
  await providers.close();
  await simulator.close();
});

function endpoint(name: string, fields: Partial<EndpointOptions> = {}): EndpointOptions {
  const baseUrl = `${simulator.url}/v1`;
  return { name, baseUrl, apiKey: undefined, connections: 1, prices: {}, ...fields };
}

async function open(provider: ChatProvider, name: string, model = 'sim/tokens=2'): Promise<Answer> {
  return await provider.open({
    provider: name,
    body: { model, messages: [{ role: 'user', content: 'hi' }], stream: true },
    requestId: 'request-1',
    signal: new AbortController().signal,
  });
}

async function readAll(answer: Answer): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  while (await answer.read(events));
  answer.close();
  return events;
}

/** Those of the endpoints: the question's own is a new one each time. */
async function sockets(): Promise<number> {
  const response = once(get(`${simulator.url}/stats`, { agent: false }), 'response');
  const [message] = (await response) as [IncomingMessage];
  const stats = (await json(message)) as { openSockets: number };
  return stats.openSockets - 1;
}

test('a run goes on with the endpoints it began with, also in its later calls', async () => {
  const lease = providers.lease();
  await readAll(await open(lease, 'one'));
  providers.replace([endpoint('two')]);
  await assert.rejects(open(providers, 'one'), { code: 'provider_unavailable' });
  assert.equal((await readAll(await open(lease, 'one'))).at(-1)?.type, 'completed');
  await assert.rejects(open(lease, 'two'), { code: 'provider_unavailable' });
  lease.release();
  assert.equal((await readAll(await open(providers, 'two'))).at(-1)?.type, 'completed');
});

test('an endpoint is closed when its last lease is over, and not before', async () => {
  const [one, other] = [providers.lease(), providers.lease()];
  await readAll(await open(one, 'one'));
  providers.replace([]);
  one.release();
  one.release();
  assert.equal((await readAll(await open(other, 'one'))).at(-1)?.type, 'completed');
  assert.equal(await sockets(), 1);
  other.release();
  await until(async () => (await sockets()) === 0, { what: 'its connection to be closed' });
});

test('an endpoint that stays as it was keeps its connection, another of its name does not', async () => {
  await readAll(await open(providers, 'one'));
  providers.replace([endpoint('one'), endpoint('two')]);
  assert.equal(await sockets(), 1);
  await readAll(await open(providers, 'one'));
  assert.equal(await sockets(), 1);
  providers.replace([endpoint('one', { connections: 2 })]);
  await until(async () => (await sockets()) === 0, { what: 'its connection to be closed' });
});

test('new prices are for runs that begin from now on, and leave the endpoint as it is', async () => {
  const call = { provider: 'one', body: { model: 'm', messages: [], stream: true } };
  const used = { prompt_tokens: 1_000_000, completion_tokens: 0, total_tokens: 1_000_000 };
  const costs = (provider: ChatProvider) => provider.cost?.(call, used);
  providers.replace([endpoint('one', { prices: { m: { input: 2, output: 0 } } })]);
  const lease = providers.lease();
  const ill = 'sim/error=500';
  for (let failures = 0; failures < 5; failures += 1) {
    await assert.rejects(open(lease, 'one', ill), { code: 'provider_error' });
  }
  const running = await open(lease, 'one', 'sim/tokens=2');
  providers.replace([endpoint('one', { prices: { m: { input: 3, output: 0 } } })]);
  assert.deepEqual([costs(lease), costs(providers)], [2, 3]);
  const [state] = providers.states;
  assert.equal(state?.running, 1, 'the bound holds for calls of before, too');
  assert.deepEqual(Object.fromEntries(state?.circuits ?? []), { [ill]: 'open' });
  await readAll(running);
  lease.release();
});

leakGuard();
