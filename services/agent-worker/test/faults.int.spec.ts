import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { codeOf, collect, portOf, runAgainst, startRig } from './worker-rig.ts';
import type { Rig } from './worker-rig.ts';

let rig: Rig;
before(async () => {
  rig = await startRig({ max_retries: 2, first_token_timeout: 0.4, idle_timeout: 0.3, timeout: 1 });
});
after(() => rig.close());

/** Script, code, calls of the provider: 3 where it is tried again twice. */
const FAULTS = [
  ['error=400', 'provider_rejected', 1],
  ['error=401', 'provider_auth', 1],
  ['error=429', 'provider_rate_limited', 3],
  ['error=500', 'provider_error', 3],
  ['error=503', 'provider_error', 3],
  ['status_html=1', 'provider_bad_response', 3],
  ['hang=1', 'first_token_timeout', 1],
  ['cut=0', 'provider_stream_cut', 3],
  ['stall=0', 'first_token_timeout', 1],
  ['malformed=0', 'provider_bad_response', 1],
  ['error_chunk=0', 'provider_error', 1],
  ['cut=2,pace=5ms,tokens=5', 'provider_stream_cut', 1],
  ['stall=2,pace=5ms,tokens=5', 'idle_timeout', 1],
  ['malformed=2,pace=5ms,tokens=5', 'provider_bad_response', 1],
  ['error_chunk=2,pace=5ms,tokens=5', 'provider_error', 1],
  ['tokens=100,pace=50ms', 'run_timeout', 1],
] as const;

describe('a stream', () => {
  for (const [script, code, calls] of FAULTS) {
    test(`${script} is ${code} after ${calls} call(s)`, async () => {
      const requestId = `stream-${script.replaceAll(/\W/g, '-')}`;
      assert.equal(await codeOf(rig.run(script, { requestId })), code);
      assert.equal((await rig.records(requestId)).length, calls);
    });
  }

  test('tokens that came before a fault are shown before the failure', async () => {
    const run = rig.run('malformed=3,tokens=5');
    for (let token = 0; token < 3; token++) {
      const { value } = await run.next();
      assert.equal(value?.type, 'text.delta');
    }
    const { value: used } = await run.next();
    assert.ok(used?.type === 'usage' && used.usage.completion_tokens === 3);
    await assert.rejects(run.next(), { code: 'provider_bad_response' });
  });
});

describe('an answer in one piece', () => {
  for (const [script, code, calls] of [
    ['error=400', 'provider_rejected', 1],
    ['error=429', 'provider_rate_limited', 3],
    ['hang=1', 'run_timeout', 1],
    ['cut=1,tokens=5', 'provider_stream_cut', 3],
    ['stall=1,tokens=5', 'idle_timeout', 1],
    ['malformed=1,tokens=5', 'provider_bad_response', 1],
    ['error_chunk=1,tokens=5', 'provider_error', 1],
  ] as const) {
    test(`${script} is ${code} after ${calls} call(s)`, async () => {
      const requestId = `whole-${script.replaceAll(/\W/g, '-')}`;
      assert.equal(await codeOf(rig.run(script, { requestId, stream: false })), code);
      assert.equal((await rig.records(requestId)).length, calls);
    });
  }
});

describe('retries', () => {
  test('a fault that passes is not seen by the caller', async () => {
    for (const fault of ['error=429', 'error=500', 'error=503', 'cut=0', 'status_html=1']) {
      const requestId = `passes-${fault.replaceAll(/\W/g, '-')}`;
      const events = await collect(rig.run(`${fault},times=2,tokens=2`, { requestId }));
      assert.equal(events.at(-1)?.type, 'completed');
      assert.equal((await rig.records(requestId)).length, 3);
    }
  });

  test("the provider's own Retry-After is waited for", async () => {
    const requestId = 'retry-after';
    const script = 'error=429,retry_after=0.2,times=1,tokens=1';
    const events = await collect(rig.run(script, { requestId }));
    assert.equal(events.at(-1)?.type, 'completed');
    const [first, second] = await rig.records(requestId);
    const waitedMs = (second?.startedAtMs ?? 0) - (first?.endedAtMs ?? Infinity);
    assert.ok(waitedMs >= 195, `waited only ${waitedMs} ms`);
  });

  test('a Retry-After beyond thirty seconds is told to the caller at once', async () => {
    const requestId = 'retry-after-long';
    await assert.rejects(collect(rig.run('error=429,retry_after=60', { requestId })), {
      code: 'provider_rate_limited',
      retryAfterMs: 60_000,
    });
    assert.equal((await rig.records(requestId)).length, 1);
  });
});

describe('no provider', () => {
  test('a port that nobody listens on is provider_unreachable', async () => {
    const gone = createServer();
    await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
    const port = portOf(gone);
    await new Promise((resolve) => gone.close(resolve));
    assert.equal(await codeOf(runAgainst(`http://127.0.0.1:${port}/v1`)), 'provider_unreachable');
  });

  test('a host that does not exist is provider_unreachable', async () => {
    assert.equal(
      await codeOf(runAgainst('http://no-such-host.invalid/v1')),
      'provider_unreachable',
    );
  });

  test('TLS where there is none is provider_unreachable', async () => {
    const url = `${rig.url.replace('http:', 'https:')}/v1`;
    assert.equal(await codeOf(runAgainst(url)), 'provider_unreachable');
  });

  test('a connection reset before the headers is provider_unreachable', async () => {
    const server = createServer((socket) => void socket.once('data', () => socket.destroy()));
    assert.equal(await codeOfServer(server), 'provider_unreachable');
  });

  test('a server that does not speak HTTP is provider_bad_response', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {}).resume();
      socket.end('SSH-2.0-OpenSSH_9.9\r\n');
    });
    assert.equal(await codeOfServer(server), 'provider_bad_response');
  });

  test('a page of HTML with status 200 is provider_bad_response', async () => {
    assert.equal(await codeOfServer(answering('text/html', '<h1>hi')), 'provider_bad_response');
  });

  test('JSON where a stream was asked for is provider_bad_response', async () => {
    const code = await codeOfServer(answering('application/json', '{"choices":[]}'));
    assert.equal(code, 'provider_bad_response');
  });

  test('a stream that ends without finish_reason is provider_stream_cut', async () => {
    const body = 'data: {"choices":[{"delta":{"content":"x"}}]}\n\ndata: [DONE]\n\n';
    assert.equal(await codeOfServer(answering('text/event-stream', body)), 'provider_stream_cut');
  });
});

function answering(type: string, body: string) {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n`;
  return createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.write(head + body));
  });
}

async function codeOfServer(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = portOf(server);
  try {
    return await codeOf(runAgainst(`http://127.0.0.1:${port}/v1`));
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}
