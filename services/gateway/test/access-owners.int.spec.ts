/** What belongs to somebody else is, to everybody, what does not exist. */
import assert from 'node:assert/strict';
import { after, before, describe, it, mock } from 'node:test';
import { PoolViewSchema } from '../src/pool-view/pool-schema.ts';
import { COMPLETED, STARTED, text } from './fake-runs.ts';
import { KINDS, startGuardedGateway } from './guarded-gateway.ts';
import type { GuardedGateway, Kind } from './guarded-gateway.ts';
import { CHAT } from './harness.ts';

const PROMPT = 'of alice alone';
/** The form of an id that nobody was given. */
const UNKNOWN = 'resp_test_9999999999999999999999';

let gateway: GuardedGateway;
const asked: string[] = [];
before(async () => {
  gateway = await startGuardedGateway((viewer) => {
    asked.push(viewer.account);
    return Promise.resolve({ outstanding: 1, maxOutstanding: 256 });
  });
});
after(async () => await gateway[Symbol.asyncDispose]());

interface Call {
  readonly method?: string;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

async function call(path: string, { method = 'GET', headers, body }: Call) {
  const response = await fetch(`${gateway.server.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = await response.text();
  // Each request has its own name and time.
  const own = new Set(['x-request-id', 'date', 'openai-processing-ms']);
  const kept = [...response.headers].filter(([name]) => !own.has(name));
  return { status: response.status, headers: Object.fromEntries(kept), text: answer };
}

/** How often the stores were read for one call: what an answer's time goes by. */
async function readsOf(act: () => Promise<unknown>): Promise<number> {
  const { idempotency, responses } = gateway.server.buckets;
  const spies = [responses, idempotency].map((bucket) => mock.method(bucket, 'get'));
  await act();
  const reads = spies.reduce((sum, spy) => sum + spy.mock.callCount(), 0);
  mock.restoreAll();
  return reads;
}

async function storedBy(kind: Kind): Promise<string> {
  const { status, text: body } = await call('/v1/responses', {
    method: 'POST',
    headers: gateway.headers(kind, 'good'),
    body: { model: 'assistant', input: PROMPT, background: true },
  });
  assert.equal(status, 200);
  return (JSON.parse(body) as { id: string }).id;
}

const ON_STORED: readonly (readonly [method: string, rest: string])[] = [
  ['GET', ''],
  ['GET', '?stream=true&starting_after=0'],
  ['GET', '/input_items'],
  ['POST', '/cancel'],
  ['DELETE', ''],
];

for (const kind of KINDS) {
  const other = () => gateway.headers(kind, 'other tenant');
  const good = () => gateway.headers(kind, 'good');

  describe(`with a ${kind}`, () => {
    for (const [method, rest] of ON_STORED) {
      it(`${method} of another user's response${rest} is that of none`, async () => {
        const id = await storedBy(kind);
        const at = (which: string) => `/v1/responses/${which}${rest}`;
        const foreign = await call(at(id), { method, headers: other() });
        const unknown = await call(at(UNKNOWN), { method, headers: other() });
        assert.equal(foreign.status, 404);
        assert.deepEqual(foreign, unknown);
        const reads = await readsOf(() => call(at(id), { method, headers: other() }));
        assert.equal(reads, await readsOf(() => call(at(UNKNOWN), { method, headers: other() })));
        assert.ok(reads > 0);
        assert.deepEqual(gateway.server.runs.cancelled, []);
        assert.deepEqual(gateway.server.erased, []);
        assert.equal((await call(`/v1/responses/${id}`, { headers: good() })).status, 200);
      });
    }

    it('a key of the same name is nobody to a token, and a token nobody to it', async () => {
      const [stranger = 'key'] = KINDS.filter((each) => each !== kind);
      const headers = gateway.headers(stranger, 'good');
      assert.equal((await call(`/v1/responses/${await storedBy(kind)}`, { headers })).status, 404);
    });

    it("another user's response cannot be continued", async () => {
      const id = await storedBy(kind);
      const go = (previous: string) =>
        call('/v1/responses', {
          method: 'POST',
          headers: other(),
          body: { model: 'assistant', input: 'go on', previous_response_id: previous },
        });
      const foreign = await go(id);
      const unknown = await go(UNKNOWN);
      assert.equal(foreign.status, 400);
      assert.deepEqual(foreign, unknown);
      assert.ok(!foreign.text.includes(PROMPT));
    });

    it("another user's Idempotency-Key begins a run of one's own, with any body", async () => {
      const key = { 'idempotency-key': `shared-${kind}` };
      const send = (headers: Record<string, string>, content: string) =>
        call('/v1/chat/completions', {
          method: 'POST',
          headers: { ...headers, ...key },
          body: { model: 'assistant', messages: [{ role: 'user', content }] },
        });
      const mine = await send(good(), PROMPT);
      const runs = gateway.server.runs.submitted.length;
      for (const content of [PROMPT, 'something else']) {
        const theirs = await send(other(), content);
        if (content !== PROMPT) assert.equal(theirs.status, 409, "their own key's conflict");
        else assert.equal(theirs.headers['idempotent-replayed'], undefined);
        assert.notEqual(theirs.text, mine.text);
      }
      assert.equal(gateway.server.runs.submitted.length, runs + 1);
      assert.equal((await send(good(), PROMPT)).headers['idempotent-replayed'], 'true');
    });

    it("another user's stream cannot be resumed by its Last-Event-ID", async () => {
      const key = { 'idempotency-key': `stream-${kind}` };
      const stream = { ...CHAT, stream: true };
      const send = (headers: Record<string, string>) =>
        call('/v1/chat/completions', {
          method: 'POST',
          headers: { ...key, ...headers },
          body: stream,
        });
      const mine = await send(good());
      const [, id = ''] = /^id: (\S+:1)$/m.exec(mine.text) ?? [];
      assert.notEqual(id, '', mine.text);
      const foreign = await send({ ...other(), 'last-event-id': id });
      const unknown = await send({ ...other(), 'last-event-id': 'test_9999999999999999999999:1' });
      assert.equal(foreign.status, 410);
      assert.deepEqual(foreign, unknown);
      assert.equal((await send({ ...good(), 'last-event-id': id })).status, 200);
    });

    it('the pool view shows one own use, and nothing of workers', async () => {
      asked.length = 0;
      const { status, text: body } = await call('/v1/pool', { headers: good() });
      assert.equal(status, 200);
      const view = PoolViewSchema.parse(JSON.parse(body));
      assert.equal(view.view, 'own');
      assert.ok(!body.includes('secret-host'));
      await call('/v1/pool', { headers: other() });
      const [mine, theirs] = asked;
      assert.equal(mine, kind === 'key' ? 'key:good' : 'jwt:https://issuer.test#one/alice');
      assert.notEqual(mine, theirs);
    });
  });
}

it('the admin scope opens the whole pool view, and nothing stored by others', async () => {
  const { text: body } = await call('/v1/pool', { headers: gateway.admin });
  assert.equal(PoolViewSchema.parse(JSON.parse(body)).view, 'admin');
  const id = await storedBy('key');
  assert.equal((await call(`/v1/responses/${id}`, { headers: gateway.admin })).status, 404);
});

it('a stream that is under way is closed to others as well', async () => {
  gateway.server.runs.script = undefined;
  const next = gateway.server.runs.next();
  const id = await storedBy('key');
  const run = await next;
  run.emit(STARTED, text('now'));
  const path = `/v1/responses/${id}?stream=true`;
  const headers = gateway.headers('key', 'other tenant');
  assert.equal((await call(path, { headers })).status, 404);
  run.emit(COMPLETED);
  const own = await call(path, { headers: gateway.headers('key', 'good') });
  assert.match(own.text, /response\.completed/);
});
