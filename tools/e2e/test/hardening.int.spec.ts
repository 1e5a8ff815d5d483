/** Nothing in a request makes a process of ours call anybody else. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { after, before, describe, it } from 'node:test';

import { leakGuard } from '@switchboard/testkit';

import { ask } from '../chat.ts';
import { TestStack } from '../test-stack.ts';

let stack: TestStack;
let trap: Server;
let trapPort = 0;
const caught: string[] = [];

before(async () => {
  trap = createServer((request, response) => {
    caught.push(`${request.method} ${request.url}`);
    response.end('{}');
  });
  trap.on('connection', () => caught.push('a connection'));
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
  const address = trap.address();
  if (typeof address === 'object' && address !== null) trapPort = address.port;
  stack = await TestStack.start();
});
after(async () => {
  await stack.stop();
  await new Promise((resolve) => trap.close(resolve));
});

/** Every field of the API that is a URL, or looks like a place for one. */
function bait(url: string): readonly (readonly [path: string, body: Record<string, unknown>])[] {
  const model = 'sim/tokens=1';
  const message = (content: unknown) => ({ messages: [{ role: 'user', content }] });
  const input = (part: object) => ({ input: [{ type: 'message', role: 'user', content: [part] }] });
  const chats: Record<string, unknown>[] = [
    message([{ type: 'image_url', image_url: { url } }]),
    message([{ type: 'input_audio', input_audio: { data: url, format: 'mp3' } }]),
    message([{ type: 'file', file: { file_id: url, file_data: url, filename: url } }]),
    { ...message(url), metadata: { url }, user: url, service_tier: url, prompt_cache_key: url },
    {
      ...message(url),
      web_search_options: { url },
      base_url: url,
      webhook: url,
      callback_url: url,
    },
    {
      ...message(url),
      tools: [
        { type: 'function', function: { name: 'f', parameters: { $ref: url, $schema: url } } },
      ],
    },
    {
      ...message(url),
      response_format: { type: 'json_schema', json_schema: { name: 'a', schema: { $ref: url } } },
    },
    { ...message('x'), model: url },
  ];
  const responses: Record<string, unknown>[] = [
    { input: url },
    input({ type: 'input_image', image_url: url, detail: 'auto' }),
    input({ type: 'input_file', file_url: url, filename: url }),
    { input: 'x', tools: [{ type: 'mcp', server_label: 'a', server_url: url }] },
    { input: 'x', tools: [{ type: 'web_search', filters: { allowed_domains: [url] } }] },
    { input: 'x', previous_response_id: url },
    { input: 'x', prompt: { id: url, variables: { url } }, conversation: url },
    { input: 'x', background: true, metadata: { webhook: url }, webhook_url: url },
  ];
  return [
    ...chats.map((body) => ['/v1/chat/completions', { model, ...body }] as const),
    ...responses.map((body) => ['/v1/responses', { model, ...body }] as const),
  ];
}

async function post(path: string, body: object, url: string): Promise<number> {
  const response = await fetch(stack.url + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      origin: url,
      referer: url,
      'x-forwarded-host': `127.0.0.1:${trapPort}`,
      'x-forwarded-for': '127.0.0.1',
      forwarded: `host=127.0.0.1:${trapPort}`,
    },
    body: JSON.stringify(body),
  });
  await response.text();
  return response.status;
}

/** Ports of other programs that a process is connected to, as the kernel says. Linux only. */
function connectedPorts(pid: number): Set<number> {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        const link = readlinkSync(`/proc/${pid}/fd/${fd}`);
        return /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? [];
      } catch {
        return [];
      }
    }),
  );
  const ports = new Set<number>();
  const listening = new Set<number>();
  for (const table of ['tcp', 'tcp6']) {
    for (const line of readFileSync(`/proc/${pid}/net/${table}`, 'utf8').split('\n').slice(1)) {
      const [, local = '', remote = '', state, , , , , , inode = ''] = line.trim().split(/\s+/);
      if (!own.has(inode)) continue;
      const port = (address: string): number => Number.parseInt(address.split(':')[1] ?? '', 16);
      if (state === '0A') listening.add(port(local));
      // Established, and opened by the process itself: not one that came in.
      else if (state === '01' && !listening.has(port(local))) ports.add(port(remote));
    }
  }
  return ports;
}

describe('URLs in a request', () => {
  it('are data: whoever they name is never called, by any process', async () => {
    const url = `http://127.0.0.1:${trapPort}/trap`;
    // The trap works.
    await (await fetch(url)).text();
    assert.deepEqual(caught.splice(0), ['a connection', 'GET /trap']);
    const statuses = new Set<number>();
    for (const [path, body] of bait(url)) {
      for (const stream of [false, true]) statuses.add(await post(path, { ...body, stream }, url));
    }
    // Some were served and some refused; the provider got the first as they came.
    assert.ok(statuses.has(200) && statuses.has(400), [...statuses].join());
    await stack.idle();
    assert.deepEqual(caught, []);
  });

  const readable = process.platform === 'linux';
  it('leave gateway and worker connected to NATS and the provider only', async () => {
    if (!readable) return;
    const { gateways, natsCluster, simulator, workers } = stack.stack;
    const nats = Number(new URL(natsCluster.url.split(',')[0] ?? '').port);
    const provider = Number(new URL(simulator?.url ?? '').port);
    const chat = { model: 'sim/tokens=1', messages: [{ role: 'user', content: 'x' }] };
    assert.equal((await ask(stack.url, chat)).status, 200);
    for (const gateway of gateways) {
      assert.deepEqual(connectedPorts(gateway.process.pid), new Set([nats]));
    }
    for (const worker of workers) {
      const ports = connectedPorts(worker.process.pid);
      ports.delete(provider);
      assert.deepEqual(ports, new Set([nats]));
    }
  });
});

leakGuard();
