import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { SlowReaderWatch } from './slow-reader.ts';
import { SseWriter } from './sse-writer.ts';
import type { SseResponse } from './sse-writer.ts';

/** A socket that takes what the test lets it take. */
class SlowResponse extends EventEmitter {
  readonly writes: string[] = [];
  head: unknown;
  ended = false;
  full = false;
  timeoutMs: number | undefined;

  get writableNeedDrain(): boolean {
    return this.full;
  }

  get writableLength(): number {
    return this.full ? 1 : 0;
  }

  writeHead(status: number, headers: object): this {
    this.head = { status, headers };
    return this;
  }

  write(text: string): boolean {
    this.writes.push(text);
    return !this.full;
  }

  end(text?: string): this {
    if (text !== undefined) this.writes.push(text);
    this.ended = true;
    return this;
  }

  setTimeout(limitMs: number): this {
    this.timeoutMs = limitMs;
    return this;
  }

  drain(): void {
    this.full = false;
    this.emit('drain');
  }
}

function setUp() {
  const response = new SlowResponse();
  let slow = 0;
  // The writer and the watch use what the class above has, and nothing else of a response.
  const fake = response as unknown as SseResponse &
    ConstructorParameters<typeof SlowReaderWatch>[0];
  const watch = new SlowReaderWatch(fake, 500, () => {
    slow += 1;
  });
  return { response, sse: new SseWriter(fake, watch), slowReports: () => slow };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('SseWriter', () => {
  it('sends status and headers that keep proxies from buffering', () => {
    const { response, sse } = setUp();
    sse.open({ 'x-request-id': 'r' });
    assert.deepEqual(response.head, {
      status: 200,
      headers: {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store, no-transform',
        'x-accel-buffering': 'no',
        'x-request-id': 'r',
      },
    });
  });

  it('I1: joins what is already there into one write, across awaits that need no waiting', async () => {
    const { response, sse } = setUp();
    for (const data of ['1', '2', '3']) {
      sse.event(data);
      await Promise.resolve();
    }
    await turn();
    sse.comment('later');
    await turn();
    assert.deepEqual(response.writes, ['data: 1\n\ndata: 2\n\ndata: 3\n\n', ': later\n\n']);
  });

  it('I1: does not wait for more once a write is large', () => {
    const { response, sse } = setUp();
    sse.event('x'.repeat(70_000));
    assert.equal(response.writes.length, 1);
  });

  it('I2: is blocked until the client has taken what was written', async () => {
    const { response, sse } = setUp();
    response.full = true;
    sse.event('1');
    await turn();
    assert.equal(sse.blocked, true);
    let drained = false;
    const waiting = sse.drained(new AbortController().signal).then(() => {
      drained = true;
    });
    await turn();
    assert.equal(drained, false);
    response.drain();
    await waiting;
    assert.equal(sse.blocked, false);
  });

  it('I2: stops waiting for the client when told to, and leaves no listener behind', async () => {
    const { response, sse } = setUp();
    response.full = true;
    const controller = new AbortController();
    const waiting = sse.drained(controller.signal);
    controller.abort();
    await waiting;
    assert.equal(response.listenerCount('drain'), 0);
    await sse.drained(controller.signal);
  });

  it('I3: watches the client only while something waits for it', async () => {
    const { response, sse, slowReports } = setUp();
    sse.event('1');
    await turn();
    assert.equal(response.timeoutMs, undefined);
    response.full = true;
    sse.event('2');
    await turn();
    assert.equal(response.timeoutMs, 500);
    response.drain();
    assert.equal(response.timeoutMs, 0);
    response.emit('timeout');
    assert.equal(slowReports(), 0);
    response.full = true;
    sse.event('3');
    await turn();
    response.emit('timeout');
    assert.equal(slowReports(), 1);
    assert.equal(response.listenerCount('timeout'), 1);
  });

  it('I3: also watches a client that does not take the end', async () => {
    const { response, sse, slowReports } = setUp();
    response.full = true;
    sse.event('last');
    sse.end();
    assert.deepEqual(response.writes, ['data: last\n\n']);
    assert.equal(response.ended, true);
    response.emit('timeout');
    assert.equal(slowReports(), 1);
  });

  it('writes nothing after its end', async () => {
    const { response, sse } = setUp();
    sse.event('1');
    sse.end();
    sse.end();
    sse.event('2');
    await turn();
    assert.deepEqual(response.writes, ['data: 1\n\n']);
  });
});
