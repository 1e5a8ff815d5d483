import assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { startNats } from '../src/index.ts';

/** The INFO a nats-server greets each client with. */
async function greeting(port: number): Promise<Record<string, unknown>> {
  const socket = connect(port, '127.0.0.1');
  try {
    for await (const chunk of socket) return JSON.parse(String(chunk).replace(/^INFO /, ''));
    throw new Error('closed without a greeting');
  } finally {
    socket.destroy();
  }
}

describe('startNats', () => {
  it('starts a server with JetStream and room for 8 MiB, which stop() removes', async () => {
    const nats = await startNats();
    const info = await greeting(nats.port);
    assert.equal(info['jetstream'], true);
    assert.equal(info['max_payload'], 8 * 1024 * 1024);
    const store = /Store Directory: +"(.+)"/.exec(nats.logs().join('\n'))?.[1] ?? '';
    assert.ok((await fs.stat(store)).isDirectory());
    await nats.stop();
    await assert.rejects(greeting(nats.port), /ECONNREFUSED/);
    await assert.rejects(fs.stat(store), /ENOENT/);
  });

  it('comes back after a kill on the same port, with the same store', async () => {
    const nats = await startNats();
    try {
      const first = nats.pid;
      nats.kill();
      await nats.exited;
      await nats.restart();
      assert.notEqual(nats.pid, first);
      assert.equal((await greeting(nats.port))['port'], nats.port);
    } finally {
      await nats.stop();
    }
  });

  it('keeps a store directory that is not its own', async () => {
    const storeDir = await fs.mkdtemp(join(tmpdir(), 'switchboard-store-'));
    const nats = await startNats({ storeDir });
    await nats.stop();
    assert.deepEqual(await fs.readdir(storeDir), ['jetstream']);
    await fs.rm(storeDir, { recursive: true });
  });

  it('says what is wrong when the server does not start', async () => {
    await assert.rejects(startNats({ extraConfig: 'nonsense {' }), /nats-server ended before/);
  });
});
