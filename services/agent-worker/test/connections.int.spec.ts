import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { AgentProfile } from '@switchboard/contract';
import type { RunEvent } from '@switchboard/contract';
import { until } from '@switchboard/testkit';
import { Agent, request } from 'undici';
import { BodyReader } from '../src/llm/body-reader.ts';
import { OpenAiProvider } from '../src/llm/openai-provider.ts';
import { AgentRunner } from '../src/runner/agent-runner.ts';
import { collect, portOf } from './worker-rig.ts';

const TOKEN = 'data: {"choices":[{"delta":{"content":"x"}}]}\n\n';
const END = 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';

/** An endpoint whose way of ending an answer is the test's, and that counts its connections. */
async function startEndpoint(finish: (response: ServerResponse) => void) {
  const seen = { connections: 0, open: 0, keys: new Set<string | undefined>() };
  const server = createServer((incoming, response) => {
    seen.keys.add(incoming.headers.authorization);
    incoming.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(TOKEN + END);
      finish(response);
    });
  });
  server.on('connection', (socket) => {
    seen.connections += 1;
    seen.open += 1;
    socket.once('close', () => (seen.open -= 1));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${portOf(server)}/v1`, seen, close };
}

async function runMany(
  url: string,
  shape: { runs: number; connections: number; apiKey?: string },
): Promise<readonly RunEvent[][]> {
  const { runs, connections, apiKey } = shape;
  const provider = new OpenAiProvider({ baseUrl: url, apiKey, connections });
  const profile = AgentProfile.parse({ name: 'a', model: 'm', max_retries: 0 });
  const runner = new AgentRunner([profile], provider);
  const log = { info: () => {}, warn: () => {} };
  const answers: RunEvent[][] = [];
  for (let index = 0; index < runs; index++) {
    const requestId = `request-${index}`;
    const run = `gate_${String(index).padStart(22, '0')}`;
    const asked = {
      run,
      requestId,
      agent: 'a',
      stream: true,
      queueTimeoutMs: 1_000,
      onDisconnect: 'cancel',
      resumeWindowMs: 0,
    } as const;
    const { signal } = new AbortController();
    answers.push(
      await collect(
        runner.run(
          { v: 1, ...asked, chat: { messages: [{ role: 'user' }] } },
          { run, requestId, attempt: 1, signal, log },
        ),
      ),
    );
  }
  await provider.close();
  return answers;
}

test('one connection serves one run after the other', async () => {
  const { url, seen, close } = await startEndpoint((response) => response.end());
  await runMany(url, { runs: 50, connections: 1 });
  assert.equal(seen.connections, 1);
  close();
});

test('an answer whose body ends a little after [DONE] gives its connection back', async () => {
  const { url, seen, close } = await startEndpoint((response) => {
    void pause(10).then(() => response.end());
  });
  const answers = await runMany(url, { runs: 5, connections: 1 });
  assert.deepEqual(answers.at(-1)?.at(-1), { type: 'completed', finishReason: 'stop' });
  assert.equal(seen.connections, 1);
  close();
});

test('an endpoint that never ends its answer loses the connection, not the run', async () => {
  const { url, seen, close } = await startEndpoint(() => {});
  const answers = await runMany(url, { runs: 3, connections: 1 });
  for (const events of answers) assert.equal(events.at(-1)?.type, 'completed');
  assert.equal(seen.connections, 3);
  await until(() => seen.open === 0, { what: 'the connections to be closed' });
  close();
});

test('a reader of a body closes its connection on the signal by itself', async () => {
  const { url, seen, close } = await startEndpoint(() => {});
  const abort = new AbortController();
  const dispatcher = new Agent();
  const { body } = await request(url, { method: 'POST', body: '{}', dispatcher });
  body.on('error', () => {});
  const reader = new BodyReader(body, abort.signal);
  assert.ok((await reader.read()) !== undefined);
  abort.abort();
  await until(() => seen.open === 0, { what: 'the connection to be closed' });
  reader.close();
  await dispatcher.destroy();
  close();
});

test('the key is sent, and without a key no such header is', async () => {
  const { url, seen, close } = await startEndpoint((response) => response.end());
  await runMany(url, { runs: 1, connections: 1, apiKey: 'my-key' });
  assert.deepEqual([...seen.keys], ['Bearer my-key']);
  seen.keys.clear();
  await runMany(url, { runs: 1, connections: 1 });
  assert.deepEqual([...seen.keys], [undefined]);
  close();
});
