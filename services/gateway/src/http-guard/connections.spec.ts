import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ClientAddresses } from './client-address.ts';
import { Connections } from './connections.ts';

class FakeSocket extends EventEmitter {
  readonly remoteAddress: string;
  closed = false;

  constructor(remoteAddress: string) {
    super();
    this.remoteAddress = remoteAddress;
  }

  destroy(): void {
    if (this.closed) return;
    this.closed = true;
    // As a socket does: not at once.
    queueMicrotask(() => this.emit('close'));
  }

  destroySoon(): void {
    this.destroy();
  }
}

function house(max: number, maxPerAddress: number) {
  const addresses = new ClientAddresses(['10.0.0.1']);
  const connections = new Connections({ max, maxPerAddress, addresses });
  const server = new EventEmitter();
  connections.watch(server as Server);
  return {
    connections,
    enter: (address: string): FakeSocket => {
      const socket = new FakeSocket(address);
      server.emit('connection', socket);
      return socket;
    },
    refusal: (socket: FakeSocket) => connections.heard(socket as unknown as Socket),
  };
}

describe('connections', () => {
  it('of one address are bounded; those of proxies and of this machine are not', async () => {
    const { enter, refusal } = house(100, 2);
    const refused = async (address: string) => {
      const sockets = [1, 2, 3].map(() => enter(address));
      const codes = sockets.map((socket) => refusal(socket)?.code);
      for (const socket of sockets) socket.destroy();
      await Promise.resolve();
      return codes;
    };
    const bounded = [undefined, undefined, 'too_many_connections'];
    assert.deepEqual(await refused('203.0.113.1'), bounded);
    assert.deepEqual(await refused('2001:db8::1'), bounded);
    for (const free of ['10.0.0.1', '127.0.0.1', '::1', '::ffff:127.0.0.1']) {
      assert.deepEqual(await refused(free), [undefined, undefined, undefined], free);
    }
  });

  it('never exceed their bounds, and leave nothing behind when they have gone', async () => {
    const address = fc.constantFrom('1.1.1.1', '2.2.2.2', '10.0.0.1', '2001:db8::1', '2001:db8::2');
    const does = fc.constantFrom('enter', 'enter', 'speak', 'leave');
    const step = fc.record({ does, address, which: fc.nat(30) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 200 }), async (steps) => {
        const { connections, enter, refusal } = house(5, 3);
        let sockets: FakeSocket[] = [];
        for (const { does: action, address: from, which } of steps) {
          const chosen = sockets[which % Math.max(1, sockets.length)];
          if (action === 'enter') sockets.push(enter(from));
          else if (action === 'speak' && chosen !== undefined) refusal(chosen);
          else chosen?.destroy();
          sockets = sockets.filter(({ closed }) => !closed);
          assert.ok(connections.open <= 5);
        }
        for (const socket of sockets) socket.destroy();
        await Promise.resolve();
        assert.deepEqual([connections.open, connections.clients], [0, 0]);
      }),
    );
  });
});
