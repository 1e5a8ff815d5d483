/** Gateway processes that know an agent, and its pool, from a worker's word alone. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import OpenAI from 'openai';
import { AgentProfile, cardOf, inboxPrefix, type RunEvent } from '@switchboard/contract';
import { startStack } from '@switchboard/stack';
import type { Stack } from '@switchboard/stack';
import { until } from '@switchboard/testkit';
import { AgentServer, NatsLink } from '@switchboard/transport';

const CARDS = ['own/one', 'own/two', 'assistant'].map((name) =>
  cardOf(AgentProfile.parse({ name, model: 'm', queue_timeout: 2 })),
);
const messages = [{ role: 'user' as const, content: 'Hello' }];

let stack: Stack;
let clients: readonly OpenAI[];

before(async () => {
  // A worker's pool has to be permitted by NATS; no gateway is told of it.
  stack = await startStack({ workers: 0, gateways: 2, workerEnv: { WORKER_POOL: 'own' } });
  clients = stack.gateways.map(
    ({ url }) => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'key', maxRetries: 0 }),
  );
  for (const { url } of stack.gateways) {
    const ready = async (): Promise<boolean> => (await fetch(`${url}/readyz`)).ok;
    await until(ready, { what: 'a gateway that takes requests', timeoutMs: 30_000 });
  }
});
after(async () => await stack.stop());

async function* answer(): AsyncGenerator<RunEvent> {
  yield { type: 'text.delta', text: 'Hello from code.' };
  yield { type: 'completed', finishReason: 'stop' };
}

/** As the worker process is, without a model. @returns its end */
async function startWorker(): Promise<() => Promise<void>> {
  const quiet = (): undefined => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const access = stack.nats.access?.worker;
  const link = NatsLink.open({
    servers: stack.nats.url,
    ...(access === undefined ? {} : { user: access.user, pass: access.password }),
    inboxPrefix: inboxPrefix('worker'),
    name: 'own',
    log,
  });
  const agents = (): typeof CARDS => CARDS;
  const server = new AgentServer({ link, pool: 'own', size: 2, worker: 'own', agents, log });
  server.addHandler('agent.run', answer as never);
  server.listen(quiet);
  await server.listening;
  return async () => {
    await server.close();
    await link.close();
  };
}

const namesOf = async (client: OpenAI): Promise<string[]> =>
  (await client.models.list()).data.map(({ id }) => id);

async function errorOf(request: Promise<unknown>): Promise<unknown[]> {
  const error = await request.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof OpenAI.APIError);
  return [error.status, error.code];
}

it('admit requests for it, list it, and still know it when its only worker is gone', async () => {
  for (const client of clients) {
    assert.deepEqual(
      await errorOf(client.chat.completions.create({ model: 'own/one', messages })),
      [404, 'model_not_found'],
    );
  }
  const stop = await startWorker();
  try {
    for (const client of clients) {
      const known = async (): Promise<boolean> => (await namesOf(client)).includes('own/two');
      await until(known, { what: 'its agents in the list' });
      assert.equal((await client.models.retrieve('own/one')).id, 'own/one');
      const chat = await client.chat.completions.create({ model: 'own/one', messages });
      assert.equal(chat.choices[0]?.message.content, 'Hello from code.');
      const response = await client.responses.create({ model: 'own/two', input: 'Hello' });
      assert.equal(response.output_text, 'Hello from code.');
      const assistants = (await namesOf(client)).filter((name) => name === 'assistant');
      assert.equal(assistants.length, 1, 'the profile of the file is the one that counts');
    }
    const url = stack.gateways[0]?.url;
    const { pools } = (await (await fetch(`${url}/v1/pool`)).json()) as { pools: unknown };
    assert.match(JSON.stringify(pools), /"own"/);
  } finally {
    await stop();
  }
  for (const client of clients) {
    assert.deepEqual(
      await errorOf(client.chat.completions.create({ model: 'own/one', messages })),
      [503, 'queue_timeout'],
    );
  }
});
