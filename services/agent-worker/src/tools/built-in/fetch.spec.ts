import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { until } from '@switchboard/testkit';
import { ToolError } from '../tool.ts';
import { FetchTool } from './fetch.ts';
import { allowsHost, badHosts, readHosts } from './host-list.ts';
import { isPublicAddress } from './public-address.ts';

let port = 0;
let asked: string[] = [];
let lookedUp: string[] = [];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const sockets = new Set<Socket>();
const server = createServer((request, response) => {
  asked.push(request.url ?? '');
  answer(request, response);
});

before(async () => {
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
after(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});
beforeEach(() => {
  asked = [];
  lookedUp = [];
  answer = (_, response) => response.setHeader('content-type', 'text/plain').end('hello');
});

/** Names lead to this machine, which counts as public unless a test says otherwise. */
async function read(
  url: string,
  options: Partial<ConstructorParameters<typeof FetchTool>[0]> = {},
  signal = new AbortController().signal,
): Promise<string> {
  const tool = new FetchTool({
    allow: [`ours.test:${port}`, '127.0.0.1', `127.0.0.1:${port}`],
    isPublic: () => true,
    lookup: (host) => {
      lookedUp.push(host);
      return Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
    },
    ...options,
  });
  try {
    return await tool.run({ url }, { signal });
  } finally {
    await tool.close();
  }
}

const ours = (path = '/'): string => `http://ours.test:${port}${path}`;

async function refused(url: string, said: RegExp, options = {}): Promise<void> {
  await assert.rejects(read(url, options), (error) => {
    assert.ok(error instanceof ToolError, String(error));
    assert.match(error.message, said);
    return true;
  });
}

test('a page of an allowed host is read, and its name is looked up once', async () => {
  assert.equal(await read(ours('/page?a=1')), 'hello');
  assert.deepEqual([asked, lookedUp], [['/page?a=1'], ['ours.test']]);
});

test('a host that is not allowed is never looked up, nor is anything but http', async () => {
  await refused('http://other.test/', /not allowed/);
  await refused('http://ours.test/', /not allowed/);
  await refused(`http://ours.test.evil.test:${port}/`, /not allowed/);
  await refused('file:///etc/passwd', /Only http/);
  await refused('gopher://ours.test/', /Only http/);
  await refused(`http://user:word@ours.test:${port}/`, /user or a password/);
  await refused('no address', /whole address/);
  assert.deepEqual([asked, lookedUp], [[], []]);
});

test('a name that leads to a private address is refused before a byte is sent', async () => {
  const isPublic = isPublicAddress;
  await refused(ours(), /no public address/, { isPublic });
  const lookup = () =>
    Promise.resolve([
      { address: '93.184.216.34', family: 4 },
      { address: '::1', family: 6 },
    ]);
  await refused(ours(), /no public address/, { isPublic, lookup });
  await refused(`http://127.0.0.1:${port}/`, /no public address/, { isPublic });
  await refused(`http://2130706433:${port}/`, /no public address/, { isPublic });
  assert.deepEqual(asked, []);
});

test('a name that leads elsewhere the second time is not asked a second time', async () => {
  const addresses = ['127.0.0.1', '10.0.0.1'];
  const lookup = () => Promise.resolve([{ address: addresses.shift() ?? '', family: 4 }]);
  const checked: string[] = [];
  const isPublic = (address: string): boolean => {
    checked.push(address);
    return address === '127.0.0.1';
  };
  assert.equal(await read(ours(), { lookup, isPublic }), 'hello');
  assert.deepEqual([checked, addresses], [['127.0.0.1'], ['10.0.0.1']]);
});

test('a redirect is held to the same rules, and does not go on for ever', async () => {
  const redirect = (location: string): void => {
    answer = (_, response) => response.writeHead(302, { location }).end();
  };
  redirect('http://169.254.169.254/latest/meta-data');
  await refused(ours(), /not allowed/);
  redirect(`http://127.0.0.1:${port}/inner`);
  const isPublic = (): boolean => asked.length === 0;
  await refused(ours(), /no public address/, { isPublic });
  redirect('file:///etc/passwd');
  await refused(ours(), /Only http/);
  asked = [];
  redirect('/again');
  await refused(ours(), /redirects more than 5 times/);
  assert.equal(asked.length, 6);
});

test('a redirect to an allowed page is followed', async () => {
  answer = ({ url }, response) => {
    if (url === '/there') response.setHeader('content-type', 'text/html').end('<p>there</p>');
    else response.writeHead(301, { location: 'there' }).end();
  };
  assert.equal(await read(ours('/here')), '<p>there</p>');
});

test('what is no text is refused; a failing page says its status', async () => {
  answer = (_, response) => response.setHeader('content-type', 'image/png').end('PNG');
  await refused(ours(), /image\/png, not text/);
  answer = (_, response) => response.end('whatever');
  await refused(ours(), /of no type/);
  answer = (_, response) => response.writeHead(404, { 'content-type': 'text/plain' }).end('gone');
  await refused(ours(), /Status 404: gone/);
});

test('a page is read in its own letters, and one that comes compressed is not', async () => {
  const type = (charset: string) => ({ 'content-type': `text/plain; charset=${charset}` });
  answer = (_, response) => response.writeHead(200, type('iso-8859-1')).end(Buffer.from([0xe4]));
  assert.equal(await read(ours()), 'ä');
  answer = (_, response) => response.writeHead(200, type('nonsense')).end('ö');
  assert.equal(await read(ours()), 'ö');
  answer = ({ headers }, response) => {
    assert.equal(headers['accept-encoding'], 'identity');
    response.writeHead(200, { ...type('utf-8'), 'content-encoding': 'gzip' }).end('bomb');
  };
  await refused(ours(), /compressed/);
});

test('of an endless page the first mebibyte is read, and the connection ends', async () => {
  let closed = false;
  answer = (_, response) => {
    response.setHeader('content-type', 'text/plain');
    const write = (): void => {
      while (!closed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', write).on('close', () => (closed = true));
    write();
  };
  const text = await read(ours());
  assert.match(text, /\[cut: only the first mebibyte was read\]$/);
  assert.ok(text.length < 1_048_576 + 100);
  await until(() => closed, { what: 'the connection to end' });
});

test('a server that never answers is left at once when the call is stopped', async () => {
  const stop = new AbortController();
  const reason = new Error('the run is over');
  answer = () => stop.abort(reason);
  await assert.rejects(read(ours(), {}, stop.signal), reason);
});

test('the end of the tool ends a lookup that it waits for', async () => {
  const begun = Promise.withResolvers<AbortSignal>();
  const lookup = async (_host: string, stopped: AbortSignal): Promise<never> => {
    begun.resolve(stopped);
    await once(stopped, 'abort');
    throw stopped.reason;
  };
  const tool = new FetchTool({ allow: ['ours.test'], lookup });
  const { signal } = new AbortController();
  const call = assert.rejects(tool.run({ url: 'http://ours.test/' }, { signal }), ToolError);
  const stopped = await begun.promise;
  await tool.close();
  assert.equal(stopped.aborted, true);
  await call;
});

test('entries of the list name hosts, wildcards and ports, and nothing else', () => {
  const list = readHosts(' Example.com, *.wild.test ,local.test:8080 ');
  const allows = (url: string): boolean => allowsHost(list, new URL(url));
  for (const url of [
    'https://example.com/',
    'http://EXAMPLE.com./',
    'https://a.b.wild.test/',
    'http://local.test:8080/',
  ]) {
    assert.equal(allows(url), true, url);
  }
  for (const url of [
    'https://www.example.com/',
    'https://wild.test/',
    'https://notwild.test/',
    'http://local.test/',
    'https://example.com:8443/',
  ]) {
    assert.equal(allows(url), false, url);
  }
  assert.deepEqual(badHosts(['a.test', 'http://a.test', 'a.test/x', '*a.test', 'a..b', '*']), [
    'http://a.test',
    'a.test/x',
    '*a.test',
    'a..b',
  ]);
});

test('no address of this machine, of a private network or of a special purpose is public', () => {
  const special =
    '0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 169.254.169.254 172.31.255.255 192.168.0.1 198.18.0.1 ' +
    '168.63.129.16 224.0.0.1 255.255.255.255 :: ::1 fe80::1 fc00::1 ff02::1 ::ffff:10.0.0.1 ' +
    '::ffff:8.8.8.8 64:ff9b::a00:1 2002:a00:1:: 2001:db8::1 2001::1 localhost';
  for (const address of ['', ...special.split(' ')]) {
    assert.equal(isPublicAddress(address), false, address);
  }
  for (const address of [
    '8.8.8.8',
    '172.32.0.1',
    '100.128.0.1',
    '168.63.129.17',
    '2606:4700::1111',
  ]) {
    assert.equal(isPublicAddress(address), true, address);
  }
});
