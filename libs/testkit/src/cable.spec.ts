import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';

import { Cable } from './cable.ts';
import { until } from './until.ts';

interface Ends {
  readonly cable: Cable;
  /** What the far side has received from all connections. */
  readonly received: () => string;
  /** Far ends of the connections, oldest first. */
  readonly far: readonly Socket[];
}

/** A server that remembers what it is sent, behind a cable. */
async function cabled(test: TestContext): Promise<Ends> {
  const far: Socket[] = [];
  let received = '';
  const server: Server = createServer((socket) => {
    far.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) => (received += data.toString()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const cable = await Cable.to(address.port);
  test.after(() => {
    cable.close();
    for (const socket of far) socket.destroy();
    server.close();
  });
  return { cable, received: () => received, far };
}

class Caller {
  readonly socket: Socket;
  received = '';
  closed = false;

  constructor({ url }: Cable) {
    this.socket = connect(Number(new URL(url).port), '127.0.0.1');
    this.socket.on('error', () => undefined);
    this.socket.on('data', (data) => (this.received += data.toString()));
    this.socket.once('close', () => (this.closed = true));
  }
}

/** A caller whose connection has come through to the far side. */
async function connected({ cable, received }: Ends): Promise<Caller> {
  const caller = new Caller(cable);
  const before = received();
  caller.socket.write('+');
  await until(() => received() === `${before}+`, { what: 'the connection' });
  return caller;
}

describe('a cable', () => {
  it('passes everything in both directions', async (test) => {
    const ends = await cabled(test);
    const caller = await connected(ends);
    ends.far[0]?.write('pong');
    await until(() => caller.received === 'pong');
    assert.equal(ends.cable.accepted, 1);
  });

  it('that is cut is silent without closing, and dead once mended', async (test) => {
    const ends = await cabled(test);
    const caller = await connected(ends);
    ends.cable.cut();
    ends.far[0]?.write('lost');
    // What comes later through the same machine shows that time has passed.
    const late = new Caller(ends.cable);
    await until(() => late.closed, { what: 'a new connection to be refused' });
    assert.deepEqual([caller.received, caller.closed, ends.cable.accepted], ['', false, 1]);
    ends.cable.mend();
    await until(() => caller.closed);
    await connected(ends);
    assert.equal(ends.cable.accepted, 2);
  });

  it('that is held keeps what the far side sends until it is released', async (test) => {
    const ends = await cabled(test);
    const caller = await connected(ends);
    ends.cable.hold();
    ends.far[0]?.write('later');
    caller.socket.write('now');
    await until(() => ends.received().endsWith('now'), { what: 'the other direction' });
    assert.equal(caller.received, '');
    ends.cable.release();
    await until(() => caller.received === 'later');
  });

  it('that breaks resets what there is and takes new connections', async (test) => {
    const ends = await cabled(test);
    const caller = await connected(ends);
    ends.cable.break();
    await until(() => caller.closed);
    await connected(ends);
  });

  it('that is unplugged resets new connections too until it is mended', async (test) => {
    const ends = await cabled(test);
    const caller = await connected(ends);
    ends.cable.unplug();
    const refused = new Caller(ends.cable);
    await until(() => caller.closed && refused.closed);
    assert.equal(ends.cable.accepted, 1);
    ends.cable.mend();
    await connected(ends);
    assert.equal(ends.cable.accepted, 2);
  });

  it('is as slow for the sender as the reader is', async (test) => {
    const ends = await cabled(test);
    const slow = await connected(ends);
    const quick = await connected(ends);
    slow.socket.pause();
    const [far, farOfQuick] = ends.far;
    assert.ok(far && farOfQuick);
    const bytes = 64 * 1_024 * 1_024;
    far.write(Buffer.alloc(bytes, 'x'));
    // Time enough, by another connection's clock, to take all of it if nothing held it back.
    for (let turn = 1; turn <= 500; turn += 1) {
      farOfQuick.write('.');
      await until(() => quick.received.length === turn, { intervalMs: 0 });
    }
    assert.ok(far.writableLength > 0, 'the sender was never slowed down');
    slow.socket.resume();
    await until(() => slow.received.length === bytes);
  });
});
