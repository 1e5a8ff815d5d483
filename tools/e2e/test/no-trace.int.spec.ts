/**
 * Nothing of what was asked or answered can be found once it must not be kept any more: every
 * message of every stream, bucket and object store of the real NATS is searched for it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { leakGuard, until } from '@switchboard/testkit';

import { ask, chat, chatBody } from '../chat.ts';
import type { ChatBody } from '../chat.ts';
import { JetStreamSearch, loseThreeTimes } from '../jetstream-search.ts';
import { readChat } from '../keyed-chat.ts';
import { TestStack } from '../test-stack.ts';

/** Long enough to look at what is kept before it is over. */
const WINDOW_MS = 1_000;
/** How long the removal may take when it is due. */
const REMOVAL_MS = 10_000;
const MIB = 1024 * 1024;
const SLOTS = 4;
/** Of NATS; a larger request travels by the object store. */
const PAYLOAD_MAX_BYTES = MIB;

let stack: TestStack;
let search: JetStreamSearch;
let urls: readonly [string, string];
let made = 0;

before(async () => {
  stack = await TestStack.start({
    gateways: 2,
    poolSize: SLOTS,
    nats: { maxPayloadBytes: PAYLOAD_MAX_BYTES },
    gatewayEnv: { RESUME_WINDOW_MS: String(WINDOW_MS), LOG_LEVEL: 'debug' },
    workerEnv: { LOG_LEVEL: 'debug' },
  });
  const [one, other] = stack.stack.gateways;
  assert.ok(one !== undefined && other !== undefined);
  urls = [one.url, other.url];
  search = await JetStreamSearch.open(stack.stack.nats);
});
after(async () => {
  search.close();
  await stack.stop();
});

/** Two words: one only in the question, one in question and answer (script `text=echo`). */
interface Needles {
  readonly asked: string;
  readonly answered: string;
}

/** Short enough to be one token of the simulator. */
function needles(): Needles {
  made += 1;
  return { asked: `asked${made}word`, answered: `echoed${made}word` };
}

const ECHO = 'sim/text=echo,pace=5ms';

function chatOf({ asked, answered }: Needles, fields: ChatBody = {}): ChatBody {
  const messages = [
    { role: 'system', content: `Think of ${asked} now.` },
    { role: 'user', content: `Say ${answered} please.` },
  ];
  return chatBody(ECHO, { messages, ...fields });
}

function responseOf({ asked, answered }: Needles, fields: object = {}): object {
  const instructions = `Think of ${asked} now.`;
  return { model: ECHO, instructions, input: `Say ${answered} please.`, ...fields };
}

async function call(method: string, url: string, body?: object): Promise<Response> {
  const sent =
    body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  return await fetch(url, { method, signal: AbortSignal.timeout(20_000), ...sent });
}

/** Creates a response and reads all of its answer. */
async function create(body: object): Promise<{ id: string; text: string }> {
  const response = await call('POST', `${urls[0]}/v1/responses`, body);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  const id = /"id":"(resp_\w+)"/.exec(text)?.[1];
  assert.ok(id !== undefined);
  return { id, text };
}

async function remove(id: string): Promise<void> {
  const response = await call('DELETE', `${urls[1]}/v1/responses/${id}`);
  assert.equal(response.status, 200, await response.text());
}

async function searchFor(...words: readonly string[]): Promise<readonly string[]> {
  return await search.find(words);
}

async function find(...sought: readonly Needles[]): Promise<readonly string[]> {
  return await searchFor(...sought.flatMap(({ asked, answered }) => [asked, answered]));
}

/** Keeps every slot of the worker busy. */
async function occupySlots(): Promise<{ release: () => Promise<void> }> {
  const body = { model: 'sim/think=60s', input: 'Hello', background: true };
  const busy = await Promise.all(Array.from({ length: SLOTS }, async () => await create(body)));
  await stack.modelRuns(SLOTS);
  const release = async ({ id }: { id: string }) => {
    const cancelled = await call('POST', `${urls[1]}/v1/responses/${id}/cancel`);
    assert.equal(cancelled.status, 200, await cancelled.text());
  };
  return { release: async () => void (await Promise.all(busy.map(release))) };
}

/** The run that a question has become, while it waits for a slot. */
async function queuedRun({ asked }: Needles): Promise<string> {
  const record = async () =>
    (await searchFor(asked)).map((subject) => /\.run-(\w+)$/.exec(subject)?.[1]).find(Boolean);
  const queued = async () =>
    (await searchFor(asked)).some((subject) => subject.startsWith('requests.')) && record();
  return await until(queued, { what: 'the queued run', intervalMs: 20 });
}

/** Whether its answer is in the log of run events. */
async function inLog({ answered }: Needles): Promise<boolean> {
  return (await searchFor(answered)).some((subject) => subject.startsWith('events.'));
}

async function assertKept(needle: Needles): Promise<void> {
  assert.notDeepEqual(await searchFor(needle.asked), [], 'the question is not there yet');
  assert.notDeepEqual(await searchFor(needle.answered), [], 'the answer is not there yet');
}

async function assertGone(needle: Needles): Promise<void> {
  let left: readonly string[] = [];
  const gone = async () => {
    left = await find(needle);
    return left.length === 0;
  };
  try {
    await until(gone, { timeoutMs: REMOVAL_MS, intervalMs: 100 });
  } catch {
    assert.fail(`still found in ${left.join(', ')}`);
  }
}

/** A question that no message of this NATS can carry. */
const filler = 'x'.repeat(PAYLOAD_MAX_BYTES + 100_000);

describe('no trace is left', () => {
  it('of a stored response that was deleted, once DELETE has answered', async () => {
    const needle = needles();
    const { id, text } = await create(responseOf(needle));
    assert.match(text, new RegExp(needle.answered));
    await assertKept(needle);
    await remove(id);
    assert.deepEqual(await find(needle), []);
  });

  it('of one that is kept, streamed, and deleted long after its window', async () => {
    const needle = needles();
    const { id } = await create(responseOf(needle, { stream: true }));
    await until(async () => !(await inLog(needle)), { timeoutMs: REMOVAL_MS, intervalMs: 100 });
    await assertKept(needle);
    await remove(id);
    assert.deepEqual(await find(needle), []);
  });

  it('of many that are deleted the moment they have been answered', async () => {
    const many = Array.from({ length: 20 }, needles);
    await Promise.all(
      many.map(async (needle) => {
        const { id } = await create(responseOf(needle));
        await remove(id);
      }),
    );
    assert.deepEqual(await find(...many), []);
    // Nor does anything come back when their windows are over.
    const last = needles();
    await ask(urls[0], chatOf(last));
    await assertGone(last);
    assert.deepEqual(await find(...many), []);
  });

  it('of one that is deleted while it runs', async () => {
    const needle = needles();
    const body = {
      ...responseOf(needle, { background: true }),
      model: 'sim/text=echo,tokens=901,pace=20ms',
    };
    const { id } = await create(body);
    await until(async () => await inLog(needle), { what: 'an answer in the log' });
    await remove(id);
    const run = async () =>
      (await stack.simulator.runs()).find(({ script }) => script.includes('tokens=901'));
    await until(async () => (await run())?.outcome === 'aborted', { what: 'the end of the run' });
    await assertGone(needle);
  });

  it('of one whose request was too large for a message, deleted', async () => {
    const needle = needles();
    const { id } = await create(
      responseOf(needle, { metadata: {}, instructions: filler + needle.asked }),
    );
    await assertKept(needle);
    await remove(id);
    assert.deepEqual(await find(needle), []);
  });

  for (const [form, fields] of [
    ['stored, and deleted', { background: true }],
    ['not stored', { store: false, stream: true }],
  ] as const) {
    it(`of a request that was given up and kept as a dead letter: ${form}`, async () => {
      const needle = needles();
      const busy = await occupySlots();
      const asked = call('POST', `${urls[0]}/v1/responses`, responseOf(needle, fields));
      const run = await queuedRun(needle);
      await loseThreeTimes(search, run);
      await busy.release();
      const response = await asked;
      assert.equal(response.status, 200, await response.text());
      await until(async () => (await find(needle)).includes(`deadletters.default.${run}`), {
        what: 'the letter',
        timeoutMs: REMOVAL_MS,
        intervalMs: 50,
      });
      if ('background' in fields) await remove(`resp_${run}`);
      await assertGone(needle);
    });
  }

  for (const stream of [false, true]) {
    const form = stream ? 'streaming' : 'not streaming';

    it(`of a response that is not stored, when its window is over, ${form}`, async () => {
      const needle = needles();
      const { text } = await create(responseOf(needle, { store: false, stream }));
      assert.match(text, new RegExp(needle.answered));
      await assertKept(needle);
      await assertGone(needle);
    });

    it(`of a chat without a key, when its window is over, ${form}`, async () => {
      const needle = needles();
      const { text } = await ask(urls[0], chatOf(needle, { stream }));
      assert.match(text, new RegExp(needle.answered));
      assert.notDeepEqual(await find(needle), []);
      await assertGone(needle);
    });

    it(`of a large chat without a key, when its window is over, ${form}`, async () => {
      const needle = needles();
      const messages = [
        { role: 'system', content: `${needle.asked} ${filler}` },
        { role: 'user', content: needle.answered },
      ];
      const { text, error } = await ask(urls[0], chatOf(needle, { messages, stream }));
      assert.equal(error, undefined);
      assert.match(text, new RegExp(needle.answered));
      await assertGone(needle);
    });
  }

  it('of thirty chats that ended at once', async () => {
    const many = Array.from({ length: 30 }, needles);
    await Promise.all(
      many.map(async (needle, index) => {
        const answer = await ask(urls[index % 2] ?? urls[0], chatOf(needle, { user: `u${index}` }));
        assert.ok(answer.complete);
      }),
    );
    for (const needle of many) await assertGone(needle);
  });

  it('of a large response that is not stored', async () => {
    const needle = needles();
    const instructions = `${filler} ${needle.asked}`;
    await create(responseOf(needle, { store: false, instructions }));
    await assertKept(needle);
    await assertGone(needle);
  });

  it('of chats that were cancelled, or that failed', async () => {
    const cancelled = needles();
    const leaving = new AbortController();
    const model = 'sim/text=echo,tokens=900,pace=20ms';
    const body = chatOf(cancelled, { stream: true, model });
    await readChat(await chat(urls[0], body, { signal: leaving.signal }), 6);
    leaving.abort();
    const failed = needles();
    await ask(urls[0], chatOf(failed, { model: 'sim/text=echo,cut=4' }));
    await ask(urls[0], chatOf(failed, { model: 'sim/text=echo,error=400' }));
    await create(
      responseOf(failed, { store: false, background: true, model: 'sim/error=400' }),
    ).catch(() => undefined);
    await assertGone(cancelled);
    await assertGone(failed);
  });

  it('but the answer to a key stays for whoever sends it again', async () => {
    const needle = needles();
    const headers = { 'idempotency-key': 'kept' };
    await ask(urls[0], chatOf(needle), { headers });
    const other = needles();
    await ask(urls[0], chatOf(other));
    await assertGone(other);
    assert.notDeepEqual(await searchFor(needle.answered), []);
  });
});

describe('no process prints', () => {
  it('a word of question or answer', () => {
    const words = /asked\d+word|echoed\d+word/;
    const lines = stack.printed.filter(({ text }) => words.test(text));
    assert.deepEqual(
      lines.map(({ process, text }) => `${process}: ${text.slice(0, 300)}`),
      [],
    );
    assert.ok(made > 30 && stack.printed.length > made);
  });
});

leakGuard();
