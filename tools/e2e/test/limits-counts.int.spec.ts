/** What counts against a key's limits, and what does not, over two gateways. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';

import { leakGuard, until } from '@switchboard/testkit';

import { ask, chat, chatBody, readAnswer } from '../chat.ts';
import { earlyInMinute, LimitedKeys } from '../limited-keys.ts';
import { PoolMonitor } from '../pool-monitor.ts';
import { PATIENCE_MS } from '../test-stack.ts';

const ANSWER = 'sim/think=20ms,tokens=7';
const ENDLESS = 'sim/think=300s,tokens=1';
const RPM = ['--rpm', '100', '--tpm', '1000000'];
const LIMIT = 100;
const SLOTS = 4;

let keys: LimitedKeys;
before(async () => {
  keys = await LimitedKeys.start(
    {
      alice: RPM,
      bob: RPM,
      carol: RPM,
      dave: RPM,
      erin: RPM,
      frank: RPM,
      filler: ['--outstanding', '1000'],
      watcher: ['--outstanding', '5', '--scope', 'api,act_for_users'],
      admin: ['--scope', 'api,admin'],
    },
    {
      poolSize: SLOTS,
      gatewayEnv: { MAX_OUTSTANDING: '20', RESPONSES_MAX_BYTES: String(1024 * 1024) },
    },
  );
  // The probe needs a pool that has served: what it takes is then known to every gateway.
  for (const url of keys.urls) await ask(url, chatBody(ANSWER), { headers: headersOf('filler') });
  const known = async () =>
    await keys.standing('alice').then(
      () => true,
      () => false,
    );
  await until(known, { what: 'a service time', timeoutMs: PATIENCE_MS, intervalMs: 50 });
});
after(async () => await keys[Symbol.asyncDispose]());

const headersOf = (name: string): Record<string, string> => keys.ring.headers(name);

const TOTAL = /"total_tokens":(\d+)/;

/** Sends a chat; @returns the tokens of its answer, as the model reports them. */
async function tokensOf(name: string, fields: Readonly<Record<string, unknown>>): Promise<number> {
  const body = chatBody(ANSWER, fields);
  const response = await chat(keys.url(0), body, { headers: headersOf(name) });
  return Number(TOTAL.exec(await response.text())?.[1]);
}

it('a run counts as the tokens that it used, whatever its answer looks like', async () => {
  await earlyInMinute();
  const streamed = { stream: true, stream_options: { include_usage: true } };
  const { tokens } = await keys.standing('alice');
  let used = await tokensOf('alice', {});
  assert.ok(used > 0 && used < 500, 'less than was estimated');
  await keys.untilStanding('alice', 'tokens', tokens - used);
  const ofStream = await tokensOf('alice', streamed);
  used += ofStream;
  await keys.untilStanding('alice', 'tokens', tokens - used);
  // One that does not ask for its usage, at the other gateway.
  const silent = chatBody(ANSWER, { stream: true });
  const answer = await ask(keys.url(1), silent, { headers: headersOf('alice') });
  assert.equal(answer.complete, true);
  used += ofStream;
  await keys.untilStanding('alice', 'tokens', tokens - used);
  // A run in the background, which nobody reads; a reader hears the same.
  const { id } = await keys.response('alice', 0, { model: ANSWER });
  const url = `${keys.url(1)}/v1/responses/${id}`;
  const ended = async () => {
    return TOTAL.exec(await (await fetch(url, { headers: headersOf('alice') })).text())?.[1];
  };
  used += Number(await until(ended, { what: 'the end', timeoutMs: PATIENCE_MS, intervalMs: 50 }));
  await keys.untilStanding('alice', 'tokens', tokens - used);
  await keys.untilStanding('alice', 'requests', LIMIT - 5);
});

it('a run that failed counts as what it used until then, and as nothing if that is nothing', async () => {
  await earlyInMinute();
  const { tokens } = await keys.standing('frank');
  const long = { stream: true, max_tokens: 50_000 };
  const refused = await ask(keys.url(0), chatBody('sim/error=401', long), {
    headers: headersOf('frank'),
  });
  assert.equal(refused.complete, false);
  await keys.untilStanding('frank', 'tokens', tokens);
  const cut = chatBody('sim/tokens=9,cut=3', long);
  await ask(keys.url(1), cut, { headers: headersOf('frank') });
  // Nobody has said what was used: a message and its text of five letters, and three tokens.
  await keys.untilStanding('frank', 'tokens', tokens - (4 + 2) - 3);
});

it('a run that is cancelled before it began counts as no tokens', async () => {
  await earlyInMinute();
  const blockers = await keys.responses('filler', SLOTS, ENDLESS);
  const busy = async () => (await poolOf('admin')).busy === SLOTS;
  await until(busy, { what: 'busy slots', timeoutMs: PATIENCE_MS, intervalMs: 50 });
  const { tokens } = await keys.standing('bob');
  const waiting = await keys.response('bob', 1, { model: ENDLESS });
  assert.equal(waiting.status, 200);
  await keys.cancel('bob', [waiting]);
  await keys.untilStanding('bob', 'tokens', tokens);
  await keys.cancel('filler', blockers);
  await keys.untilIdle();
});

it('what is refused by a later check counts for nothing', async () => {
  await earlyInMinute();
  const fillers = await keys.responses('filler', 20, ENDLESS);
  const { requests, tokens } = await keys.standing('carol');
  assert.equal(requests, LIMIT - 1);
  const full = await keys.response('carol', 0, { model: ANSWER });
  assert.deepEqual([full.status, full.code], [503, 'server_is_overloaded']);
  const late = { 'x-request-deadline': '2s' };
  const overloaded = await keys.response('carol', 1, { model: ANSWER }, late);
  assert.equal(overloaded.status, 503);
  await keys.cancel('filler', fillers);
  await keys.untilIdle();
  await keys.untilStanding('carol', 'requests', requests);
  await keys.untilStanding('carol', 'tokens', tokens);
});

it('a repetition that joins its run counts for nothing, and so does a conflict', async () => {
  await earlyInMinute();
  const headers = { ...headersOf('dave'), 'idempotency-key': 'once' };
  const slow = chatBody('sim/tokens=20,pace=50ms', { stream: true });
  const first = await chat(keys.url(0), slow, { headers });
  const joined = await Promise.all(
    Array.from({ length: 10 }, (_, at) => ask(keys.url(at), slow, { headers })),
  );
  assert.equal((await readAnswer(first)).complete, true);
  for (const answer of joined) {
    assert.equal(answer.complete, true);
    assert.equal(answer.headers.get('idempotent-replayed'), 'true');
  }
  for (let at = 0; at < 5; at++) {
    assert.equal((await ask(keys.url(at), chatBody(ANSWER), { headers })).status, 409);
  }
  await keys.untilStanding('dave', 'requests', LIMIT - 2);
});

it('a key that acts for users has one limit for all of them, and for those it does not name', async () => {
  const users = ['one', 'two', 'three', undefined, undefined, undefined];
  const answers = await Promise.all(
    Array.from({ length: 24 }, (_, at) =>
      keys.response('watcher', at, { model: ENDLESS, user: users[at % users.length] }),
    ),
  );
  const counts = Map.groupBy(answers, ({ code, status }) => `${status} ${code ?? ''}`.trim());
  const said = Object.fromEntries([...counts].map(([answer, { length }]) => [answer, length]));
  assert.deepEqual(said, { 200: 5, '429 rate_limit_exceeded': 19 });
  await keys.cancel('watcher', answers);
  await keys.untilIdle();
});

interface PoolShown {
  readonly busy: number;
  readonly workers: readonly unknown[] | undefined;
  readonly own: { readonly outstanding: number; readonly max_outstanding: number } | undefined;
}

async function poolOf(name: string, index = 0): Promise<PoolShown> {
  const response = await fetch(`${keys.url(index)}/v1/pool`, { headers: headersOf(name) });
  const { pools } = (await response.json()) as { pools: [PoolShown] };
  return pools[0];
}

it('a caller sees what it has in the pool, at every gateway, and nothing of others', async () => {
  const others = await keys.responses('filler', 3, ENDLESS);
  const own = await keys.response('watcher', 0, { model: ENDLESS });
  const named = await keys.response('watcher', 1, { model: ENDLESS, user: 'somebody' });
  assert.deepEqual([own.status, named.status], [200, 200]);
  for (const index of keys.urls.keys()) {
    const shown = await poolOf('watcher', index);
    assert.deepEqual(shown.own, { outstanding: 2, max_outstanding: 5 });
    assert.equal(shown.workers, undefined);
  }
  await keys.cancel('watcher', [own, named]);
  const gone = async () => (await poolOf('watcher')).own?.outstanding === 0;
  await until(gone, { what: 'an own use of 0', timeoutMs: PATIENCE_MS, intervalMs: 50 });
  assert.deepEqual((await poolOf('filler')).own, { outstanding: 3, max_outstanding: 1_000 });
  await keys.cancel('filler', others);
});

// After all that stores something: from now on there is no room.
it('what finds no room to be stored counts for nothing', async () => {
  await earlyInMinute();
  const input = 'x'.repeat(200_000);
  let stored = 0;
  for (;;) {
    const { status, code } = await keys.response('erin', stored, { model: ANSWER, input });
    if (status !== 200) {
      assert.equal(code, 'storage_full');
      break;
    }
    stored += 1;
    assert.ok(stored < 20);
  }
  await keys.untilStanding('erin', 'requests', LIMIT - stored - 1);
});

it('a worker that is killed is gone from the view of a caller', async (context) => {
  const [url = ''] = keys.urls;
  const monitor = new PoolMonitor(url, headersOf('watcher'));
  await monitor.until('the slots', ({ slots }) => slots === SLOTS);
  keys.stack.workers[0]?.process.kill('SIGKILL');
  const killedAtMs = performance.now();
  await monitor.until('no slots', ({ slots }) => slots === 0);
  context.diagnostic(`gone after ${Math.round(performance.now() - killedAtMs)} ms`);
  await monitor[Symbol.asyncDispose]();
});

leakGuard();
