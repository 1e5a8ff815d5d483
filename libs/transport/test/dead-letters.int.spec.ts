/** Requests that were given up, kept in a real nats-server. */
import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, after, describe, it } from 'node:test';
import {
  deadLetterSubject,
  encodeEvents,
  newRunId,
  originOf,
  replayOf,
  placeOf,
  requestSubject,
  type RunEvent,
  runEnd,
  type RunRequest,
} from '@switchboard/contract';
import { until } from '@switchboard/testkit';
import { headers } from '@nats-io/transport-node';
import { connectOnce, type DeadLetter, DeadLetters } from '../src/index.ts';
import { Bucket } from '../src/state/bucket.ts';
import { ensureBuckets } from '../src/state/bucket-stream.ts';
import { keepDeadLetter } from '../src/worker/dead-letters.ts';
import { answerAtOnce, type Gateway, Harness, profile, silent, submit } from './harness.ts';

/** Another one for each test: the queue remembers replays for a while. */
let givenUp = '';
const PROMPT = 'a prompt that nobody may read by accident';

function request(overrides: Partial<RunRequest> = {}): RunRequest {
  return {
    v: 1,
    run: givenUp,
    requestId: 'request-1',
    agent: 'agent',
    stream: true,
    chat: { messages: [{ role: 'user', content: PROMPT }] },
    queueTimeoutMs: 60_000,
    onDisconnect: 'cancel',
    resumeWindowMs: 0,
    ...overrides,
  };
}

async function all(letters: DeadLetters): Promise<readonly DeadLetter[]> {
  const found: DeadLetter[] = [];
  for await (const letter of letters.list()) found.push(letter);
  return found;
}

describe('dead letters', () => {
  let harness: Harness;
  let gateway: Gateway;
  let letters: DeadLetters;
  before(async () => {
    harness = await Harness.start();
    gateway = await harness.gateway();
    letters = new DeadLetters(gateway.link);
  });
  after(() => harness.stop());
  beforeEach(() => {
    givenUp = newRunId('aaaaaaaaaa');
  });
  afterEach(async () => {
    await letters.removeAll();
    await harness.manager.streams.purge('REQUESTS_default');
  });

  /** Keeps a letter as a worker does, and says where it is. */
  async function keep(body: object | string = request(), code = 'too_many_attempts') {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const delivery = {
      subject: requestSubject('default', {
        priority: 'normal',
        account: 'a',
        user: 'somebody',
        rank: 1,
      }),
      headers: undefined,
      data: new TextEncoder().encode(text),
      reply: '',
      askedAtMs: 0,
    };
    const run = /"run":"([\w-]+)"/.exec(text)?.[1];
    const why = { reason: code, ...(run === undefined ? {} : { run }) };
    await keepDeadLetter(gateway.link, 'default', delivery, why);
    return (await harness.manager.streams.info('DEAD_LETTERS')).state.last_seq;
  }

  const listed = () => all(letters);

  /** The first request on the queue. */
  async function queued(): Promise<{ subject: string; data: RunRequest }> {
    const query = { seq: 1, next_by_subj: 'requests.>' };
    const message = await harness.manager.streams.getMessage('REQUESTS_default', query);
    assert.ok(message);
    return { subject: message.subject, data: message.json<RunRequest>() };
  }

  it('are listed oldest first with what is known of them, and without the prompt', async () => {
    const [first, second] = [await keep(), await keep('not json', 'unreadable')];
    const found = await listed();
    assert.deepEqual(
      found.map(({ id, code, pool }) => [id, code, pool]),
      [
        [first, 'too_many_attempts', 'default'],
        [second, 'unreadable', 'default'],
      ],
    );
    const { givenUpAtMs, ...known } = found[0] ?? assert.fail();
    assert.ok(Math.abs(givenUpAtMs - Date.now()) < 60_000);
    const sizeBytes = JSON.stringify(request()).length;
    const [requestId, agent] = ['request-1', 'agent'];
    const code = 'too_many_attempts';
    assert.deepEqual(known, {
      id: first,
      code,
      pool: 'default',
      run: givenUp,
      requestId,
      agent,
      sizeBytes,
    });
    assert.ok(!JSON.stringify(found).includes(PROMPT));
    assert.deepEqual(await letters.find(first), found[0]);
    assert.equal(await letters.body(second), 'not json');
  });

  it('are none where no gateway has made their stream yet', async (test) => {
    const bare = await Harness.start();
    test.after(() => bare.stop());
    const link = await connectOnce({ servers: bare.nats.url, name: 'test' });
    test.after(() => link.close());
    const none = new DeadLetters(link);
    assert.deepEqual(await all(none), []);
    assert.equal(await none.find(1), undefined);
    assert.deepEqual(await none.replay(1), { kind: 'missing' });
    assert.deepEqual([await none.remove(1), await none.removeAll()], [false, 0]);
  });

  it('run again as a run of their own, although the one that was given up has its end', async () => {
    const ran: RunRequest[] = [];
    const code = 'too_many_attempts';
    const end = encodeEvents({ a: 3, n: 1, e: [{ type: 'failed', code, message: 'Given up.' }] });
    await harness.observer.request(runEnd(givenUp), end);
    const id = await keep();
    const result = await letters.replay(id);
    assert.ok(result.kind === 'queued');
    assert.equal(result.replaced, givenUp);
    assert.deepEqual(originOf(result.run), { run: givenUp, replay: 1 });
    assert.deepEqual(await listed(), []);
    const { server } = await harness.worker(async function* (given) {
      ran.push(given);
      yield* answerAtOnce();
    });
    await until(async () => (await harness.count('REQUESTS_default')) === 0, { what: 'the run' });
    await server.close();
    // Nobody reads it, so nobody's leaving may cancel it.
    assert.deepEqual(ran, [request({ run: result.run, onDisconnect: 'continue' })]);
  });

  it('run once, however often and by however many one is replayed', async () => {
    const id = await keep();
    const runs = new Set<string>();
    const replayed = await Promise.all([
      letters.replay(id),
      letters.replay(id),
      letters.replay(id),
    ]);
    for (const result of replayed) if (result.kind === 'queued') runs.add(result.run);
    assert.equal(runs.size, 1);
    assert.equal(await harness.count('REQUESTS_default'), 1);
    assert.deepEqual(await letters.replay(id), { kind: 'missing' });
    // Kept twice for one run, it still runs once; a replay that was given up is another run.
    const twice = await letters.replay(await keep());
    assert.ok(twice.kind === 'queued' && runs.has(twice.run));
    assert.equal(await harness.count('REQUESTS_default'), 1);
    const again = await letters.replay(await keep(request({ run: twice.run })));
    assert.ok(again.kind === 'queued');
    assert.deepEqual(originOf(again.run), { run: givenUp, replay: 2 });
    assert.equal(await harness.count('REQUESTS_default'), 2);
  });

  it('run once also when a replay broke off before the letter was removed', async () => {
    class Breaking extends DeadLetters {
      override remove(): Promise<boolean> {
        return Promise.reject(new Error('the command was killed'));
      }
    }
    let runs = 0;
    const count = async function* (): AsyncGenerator<RunEvent> {
      runs += 1;
      yield* answerAtOnce();
    };
    const id = await keep();
    await assert.rejects(new Breaking(gateway.link).replay(id), /was killed/);
    const first = await harness.worker(count);
    await until(async () => (await harness.count('REQUESTS_default')) === 0, { what: 'the run' });
    await first.server.close();
    // Another queue of the same name knows no duplicates: the end of the first one must stop it.
    const { config } = await harness.manager.streams.info('REQUESTS_default');
    await harness.manager.streams.delete('REQUESTS_default');
    await harness.manager.streams.add(config);
    assert.equal((await letters.replay(id)).kind, 'queued');
    assert.equal(await harness.count('REQUESTS_default'), 1);
    const second = await harness.worker(count);
    await until(async () => (await harness.count('REQUESTS_default')) === 0, { what: 'the fence' });
    await second.server.close();
    assert.equal(runs, 1);
  });

  it('are replayed at a free place of the user, beside what the user has queued', async () => {
    const handles = [];
    for (let count = 0; count < 3; count += 1) handles.push(await submit(gateway, 'somebody'));
    const subjects = Object.keys(
      (await harness.manager.streams.info('REQUESTS_default', { subjects_filter: '>' })).state
        .subjects ?? {},
    );
    const place = placeOf(subjects[0] ?? '') ?? assert.fail();
    const delivery = {
      subject: requestSubject('default', { ...place, rank: 2 }),
      headers: undefined,
      reply: '',
      askedAtMs: 0,
    };
    const data = new TextEncoder().encode(JSON.stringify(request()));
    const why = { reason: 'too_many_attempts', run: givenUp };
    await keepDeadLetter(gateway.link, 'default', { ...delivery, data }, why);
    const [letter] = await listed();
    const result = await letters.replay(letter?.id ?? 0);
    assert.equal(result.kind, 'queued');
    assert.equal(await harness.count('REQUESTS_default'), 4);
    for (const handle of handles) await handle.cancel('requested');
  });

  it('stay when they cannot be run again, and say why', async () => {
    const unreadable = await keep('{"v":1}', 'unreadable');
    const refused = await letters.replay(unreadable);
    assert.deepEqual(refused, { kind: 'refused', why: 'its request cannot be read' });
    const without = headers();
    without.set('Switchboard-Reason', 'too_many_attempts');
    const body = JSON.stringify(request());
    harness.observer.publish(deadLetterSubject('default'), body, { headers: without });
    await until(async () => (await harness.count('DEAD_LETTERS')) === 2);
    const nobodys = await letters.replay((await listed())[1]?.id ?? 0);
    assert.deepEqual(nobodys, { kind: 'refused', why: 'it does not say whose request it was' });
    assert.equal((await listed()).length, 2);
    assert.equal(await harness.count('REQUESTS_default'), 0);
  });

  it('take a large input with them, which is erased with its letter', async () => {
    await ensureBuckets(harness.observer, [
      { name: 'inputs', replicas: 1, ttlMs: 60_000, maxBytes: 1_048_576 },
    ]);
    const inputs = new Bucket(gateway.link, 'inputs', { log: silent });
    const stored = async () => (await harness.count('KV_inputs')) > 0;
    const large = request({ input: givenUp, chat: { messages: [] } });
    await inputs.write(givenUp, new TextEncoder().encode(PROMPT), 0);
    const result = await letters.replay(await keep(large));
    assert.ok(result.kind === 'queued');
    assert.equal(await inputs.get(givenUp), undefined);
    const copy = await inputs.get(result.run);
    assert.equal(new TextDecoder().decode(copy?.data), PROMPT);
    const { subject, data } = await queued();
    assert.equal(subject.split('.')[1], 'default');
    assert.deepEqual([data.run, data.input], [result.run, result.run]);
    await inputs.delete(result.run);

    await inputs.write(givenUp, new TextEncoder().encode(PROMPT), 0);
    await letters.remove(await keep(large));
    assert.equal(await stored(), false);
    await inputs.write(givenUp, new TextEncoder().encode(PROMPT), 0);
    await keep(large);
    await letters.removeAll();
    assert.equal(await stored(), false);
    const why = 'its input, too large for a message, is gone';
    assert.deepEqual(await letters.replay(await keep(large)), { kind: 'refused', why });
  });

  it('stay when the queue takes no more', async () => {
    const small = await harness.gateway({ maxOutstanding: 1 });
    const handle = await submit(small, 'u', { profile: profile() });
    const id = await keep();
    await assert.rejects(letters.replay(id), { code: 'queue_full' });
    assert.equal((await listed()).length, 1);
    await handle.cancel('requested');
  });

  it('are erased one by one, by their run, or all', async () => {
    const id = await keep();
    await keep(request({ run: 'aaaaaaaaaa_0123456789abcdef0123ff' }));
    await keep();
    assert.deepEqual([await letters.remove(id), await letters.remove(id)], [true, false]);
    await keep(request({ run: replayOf(givenUp, 3) ?? '' }));
    assert.equal(await letters.removeRun(givenUp), 2);
    assert.equal(await letters.removeRun(givenUp), 0);
    assert.equal((await listed()).length, 1);
    assert.equal(await letters.removeAll(), 1);
    assert.deepEqual(await listed(), []);
  });
});

describe('a command that needs NATS', () => {
  it('is told at once why it cannot have it, without a password', async () => {
    const servers = 'nats://user:secret@127.0.0.1:1';
    await assert.rejects(connectOnce({ servers, name: 'test' }), (error: Error) => {
      assert.match(error.message, /^NATS cannot be reached at 127\.0\.0\.1:1: .+/);
      assert.ok(!error.message.includes('secret'));
      return true;
    });
  });
});
