/** The command as it is typed, against a real nats-server. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { findStablePort, startNats } from '@switchboard/stack';
import { until } from '@switchboard/testkit';
import { DeadLetters, NatsLink, RunClient } from '@switchboard/transport';

const SCRIPT = fileURLToPath(new URL('../main.ts', import.meta.url));
const TOKEN = 'a-token';
const PROMPT = 'a prompt that nobody may read by accident';
const REQUEST = JSON.stringify({
  v: 1,
  run: 'aaaaaaaaaa_0123456789abcdef012345',
  requestId: 'request-1',
  agent: 'assistant',
  stream: false,
  chat: { messages: [{ role: 'user', content: PROMPT }] },
  queueTimeoutMs: 60_000,
});

const log = { debug() {}, info() {}, warn() {}, error() {} };

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  const options = { env: { PATH: process.env['PATH'], ...env }, timeout: 60_000 };
  return await new Promise((resolve) => {
    execFile(process.execPath, [SCRIPT, ...args], options, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err });
    });
  });
}

/** Says to NATS, in its own words, what a worker says when it gives a request up. */
async function giveUp(port: number, body: string, code: string): Promise<void> {
  const subject = 'requests.default.normal.1.account.somebody.1';
  const fields = [`Switchboard-Reason: ${code}`, `Switchboard-Subject: ${subject}`];
  const headers = ['NATS/1.0', ...fields, '', ''].join('\r\n');
  const socket = connect(port, '127.0.0.1');
  const options = { verbose: false, headers: true, auth_token: TOKEN };
  const size = `${headers.length} ${headers.length + body.length}`;
  socket.write(`CONNECT ${JSON.stringify(options)}\r\n`);
  socket.write(`HPUB deadletters.default ${size}\r\n${headers}${body}\r\nPING\r\n`);
  let said = '';
  socket.on('data', (data) => (said += data.toString()));
  await until(() => said.includes('PONG'));
  assert.ok(!said.includes('-ERR'), said);
  socket.end();
  await once(socket, 'close');
}

describe('npm run dead-letters', () => {
  let nats: Awaited<ReturnType<typeof startNats>>;
  let link: NatsLink;
  let letters: DeadLetters;
  let client: RunClient;
  before(async () => {
    nats = await startNats({ extraConfig: `authorization { token: "${TOKEN}" }` });
    link = NatsLink.open({ servers: nats.url, name: 'test', token: TOKEN, log });
    client = new RunClient(link, {
      gateway: '0123456789',
      pools: ['default'],
      replicas: 1,
      maxOutstanding: 10,
      maxOutstandingBytes: 1_048_576,
      maxOutstandingPerUser: 10,
      eventsMaxBytes: 1_048_576,
      eventsMaxAgeMs: 3_600_000,
      log,
    });
    client.start();
    await until(() => client.ready, { what: 'the streams' });
    letters = new DeadLetters(link);
  });
  after(async () => {
    await client.close();
    await link.close();
    await nats.stop();
  });

  /** The command with the address as a flag and the token in the environment. */
  async function command(line: string): Promise<Ended> {
    return await run([...line.split(' '), '--nats', nats.url], { NATS_TOKEN: TOKEN });
  }

  async function keep(body = REQUEST, code = 'too_many_attempts'): Promise<number> {
    await giveUp(nats.port, body, code);
    let last: number | undefined;
    for await (const { id } of letters.list()) last = id;
    return last ?? assert.fail('nothing was kept');
  }

  it('lists, shows, replays and purges', async () => {
    const id = await keep();
    const unreadable = await keep('not a request', 'unreadable');
    const list = await command('list');
    assert.match(
      list.out,
      new RegExp(`^${id} .*too_many_attempts +default +assistant +request-1`, 'm'),
    );
    const shown = await command(`show ${id}`);
    assert.match(shown.out, /^why +too_many_attempts$/m);
    assert.ok(![list, shown].some(({ out, err }) => (out + err).includes(PROMPT)));
    assert.match((await command(`show ${id} --body`)).out, new RegExp(PROMPT));

    const replayed = await command('replay --all --json');
    assert.equal(replayed.code, 1);
    const { replayed: queued, failed }: { replayed: { run: string }[]; failed: object[] } =
      JSON.parse(replayed.out);
    assert.match(queued[0]?.run ?? '', /^replay1-aaaaaaaaaa_[0-9a-f]{22}$/);
    assert.deepEqual(failed, [{ id: unreadable, why: 'its request cannot be read' }]);

    const purged = await command(`purge ${unreadable}`);
    assert.deepEqual([purged.code, purged.out], [0, `Letter ${unreadable} is erased.\n`]);
    assert.deepEqual(JSON.parse((await command('list --json')).out), { letters: [] });
  });

  it('takes the address from the environment too', async () => {
    const { code, out } = await run(['list'], { NATS_URL: nats.url, NATS_TOKEN: TOKEN });
    assert.deepEqual([code, out], [0, 'There are no dead letters.\n']);
  });

  it('says what is wrong in a sentence: a letter, the command line, the variables', async () => {
    const missing = await command('show 999');
    assert.deepEqual([missing.code, missing.err], [1, 'There is no dead letter 999.\n']);
    const unknown = await run(['burn'], {});
    assert.equal(unknown.code, 2);
    assert.match(unknown.err, /^The command must be one of .*\n\nUsage: npm run dead-letters/);
    const twice = await run(['list'], {
      NATS_TOKEN: TOKEN,
      NATS_USER: 'u',
      NATS_PASSWORD: 'secret',
    });
    assert.equal(twice.code, 2);
    assert.match(twice.err, /NATS_USER and NATS_TOKEN/);
    assert.ok(!twice.err.includes('secret'));
    const help = await run(['--help'], {});
    assert.equal(help.code, 0);
    assert.match(help.out, /^Usage: npm run dead-letters/);
  });

  it('ends with what NATS said when it cannot be used', async () => {
    const away = await run(['list', '--nats', `nats://127.0.0.1:${await findStablePort()}`], {});
    assert.equal(away.code, 1);
    assert.match(away.err, /^NATS cannot be reached at 127\.0\.0\.1:\d+: .+\n$/);
    const locked = await run(['list', '--nats', nats.url], {});
    assert.equal(locked.code, 1);
    assert.match(locked.err, /^NATS cannot be reached at .*authorization.*\n$/i);
  });
});
