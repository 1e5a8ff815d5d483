/** Who holds connections open keeps nobody else out. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { ErrorSchema } from '../src/docs/answer-schemas.ts';
import type * as GuardModule from '../src/http-guard/http-guard.ts';
import { HTTP_GUARD_DEFAULTS } from '../src/http-guard/options.ts';
import { COMPLETED, STARTED, text } from './fake-runs.ts';
import { CHAT, RawClient, post, startGateway } from './harness.ts';
import type { TestGateway } from './harness.ts';

const built = new URL('../dist/http-guard/http-guard.js', import.meta.url).href;
const { HttpGuard } = (await import(built)) as typeof GuardModule;

async function start(http: Partial<typeof HTTP_GUARD_DEFAULTS>): Promise<TestGateway> {
  const server = await startGateway({ http });
  server.runs.script = (run) => run.emit(STARTED, text('Hi'), COMPLETED);
  return server;
}

/** A connection that the gateway has accepted. */
async function open(server: TestGateway, bytes = ''): Promise<RawClient> {
  const client = new RawClient(server.port);
  await new Promise((resolve) => client.socket.once('connect', resolve));
  if (bytes !== '') await new Promise<void>((done) => client.socket.write(bytes, () => done()));
  return client;
}

const LIVE = 'GET /livez HTTP/1.1\r\nhost: x\r\n\r\n';
/** Asks and is answered; the connection stays. */
async function ask(client: RawClient): Promise<void> {
  client.socket.write(LIVE);
  await client.until(/\r\n\r\n\{.*\}/s);
}

function codeIn(answer: string): string {
  return ErrorSchema.parse(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).error.code;
}

describe('connections beyond the bound', () => {
  it('take the place of the oldest that has not asked anything', async () => {
    await using server = await start({ maxConnections: 3 });
    const user = await open(server);
    await ask(user);
    const silent = await open(server);
    const slow = await open(server, 'GET /livez HTT');
    const newcomer = await open(server);
    await ask(newcomer);
    await silent.closed;
    assert.equal(slow.socket.destroyed, false);
    await ask(await open(server));
    await slow.closed;
    assert.equal(user.socket.destroyed, false);
    for (const each of [user, newcomer]) each.socket.destroy();
  });

  it('are told so and closed when all others have asked, and find room after one', async () => {
    await using server = await start({ maxConnections: 2 });
    const users = [await open(server), await open(server)];
    for (const user of users) await ask(user);
    const refused = await open(server, LIVE);
    await refused.closed;
    assert.match(refused.received, /^HTTP\/1\.1 503 .*\r\nconnection: close\r\n/s);
    assert.match(refused.received, /\r\nretry-after: 1\r\n/);
    assert.equal(codeIn(refused.received), 'too_many_connections');
    const mute = await open(server);
    await mute.closed;
    assert.equal(mute.received, '');
    users[0]?.socket.destroy();
    await users[0]?.closed;
    // The gateway hears of it at some time: until then the answer may be the refusal.
    let status = 503;
    while (status === 503) status = (await post(server, CHAT, { connection: 'close' })).status;
    assert.equal(status, 200);
    users[1]?.socket.destroy();
  });

  it('do not keep out a user who comes while 500 slow ones hold on', async () => {
    await using server = await start({ maxConnections: 100 });
    const slow = Array.from({ length: 500 }, () => connect(server.port, '127.0.0.1'));
    const closed = slow.map(async (socket) => {
      socket.on('error', () => undefined).resume();
      socket.on('connect', () => socket.write('POST /v1/chat/completions HTTP/1.1\r\nx-slow: '));
      await new Promise((resolve) => socket.once('close', resolve));
    });
    for (let request = 0; request < 20; request += 1) {
      const response = await post(server, CHAT, { connection: 'close' });
      assert.equal(response.status, 200);
      await response.text();
    }
    for (const socket of slow) socket.destroy();
    await Promise.all(closed);
  });
});

describe('clients behind a trusted proxy', () => {
  it('have as many requests at once as one address has connections', async () => {
    await using server = await startGateway({
      http: { trustedProxies: ['127.0.0.1'], maxConnectionsPerAddress: 2 },
    });
    const from = (client: string) => ({ 'x-forwarded-for': client });
    const stream = { ...CHAT, stream: true };
    const first = [server.runs.next(), server.runs.next()];
    const answers = [post(server, stream, from('9.9.9.9')), post(server, stream, from('9.9.9.9'))];
    const runs = await Promise.all(first);
    const third = await post(server, stream, from('9.9.9.9'));
    assert.equal(third.status, 503);
    assert.equal(ErrorSchema.parse(await third.json()).error.code, 'too_many_connections');
    const other = await fetch(`${server.url}/v1/models`, { headers: from('8.8.8.8') });
    assert.equal(other.status, 200);
    for (const run of runs) run.emit(STARTED, text('Hi'), COMPLETED);
    for (const answer of answers) await (await answer).text();
    let status = 503;
    while (status === 503) {
      const again = await fetch(`${server.url}/v1/models`, { headers: from('9.9.9.9') });
      ({ status } = again);
      await again.text();
    }
    assert.equal(status, 200);
  });
});

describe('slow and idle connections', () => {
  let server: TestGateway;
  before(async () => {
    server = await start({ headersTimeoutMs: 1_000 });
  });
  after(() => server[Symbol.asyncDispose]());

  for (const [name, bytes] of [
    ['that never says a word', ''],
    ['whose headers do not end', 'GET /livez HTTP/1.1\r\nhost: x\r\nx-a: '],
    ['whose second request does not end', `${LIVE}GET /livez HTTP/1.1\r\nhost`],
  ] as const) {
    it(`answer 408 and close one ${name}`, async () => {
      const client = await open(server, bytes);
      await client.closed;
      const last = client.received.slice(client.received.lastIndexOf('HTTP/1.1'));
      assert.match(last, /^HTTP\/1\.1 408 /);
      assert.equal(codeIn(last), 'request_timeout');
    });
  }

  it('are kept for longer than common proxies keep them, and not for ever', async () => {
    const guard = (keepAliveMs?: number) =>
      new HttpGuard({
        ...HTTP_GUARD_DEFAULTS,
        bodyTimeoutMs: 30_000,
        onClientError: (_error, socket) => socket.destroy(),
        ...(keepAliveMs === undefined ? {} : { keepAliveMs }),
      });
    // 60 s is the default of nginx and of the load balancers of the large clouds.
    assert.ok(guard().createServer(() => undefined).keepAliveTimeout > 60_000);
    const short = guard(50).createServer((_request, response) => response.end('{}'));
    await new Promise<void>((resolve) => short.listen(0, '127.0.0.1', resolve));
    const address = short.address();
    assert.ok(typeof address === 'object' && address !== null);
    const client = new RawClient(address.port);
    client.socket.write(LIVE);
    await client.closed;
    assert.match(client.received, /^HTTP\/1\.1 200 /);
    await new Promise((resolve) => short.close(resolve));
  });
});
