/** What is stored by key: compare-and-set, large values, full buckets, and nothing left behind. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Cable, until } from '@switchboard/testkit';
import { MIB, Harness } from './harness.ts';

const NEEDLE = 'a-secret-that-nobody-may-find';
/** JSON larger than a message may be, with the needle in every part of it. */
const large = (name: string, bytes = 3 * MIB): { name: string; text: string } => ({
  name,
  text: `${NEEDLE} `.repeat(bytes / (NEEDLE.length + 1)),
});

describe('stored state', () => {
  let harness: Harness;
  before(async () => {
    harness = await Harness.start({ maxPayloadBytes: MIB });
  });
  after(() => harness.stop());
  const messages = async (bucket: string): Promise<number> =>
    (await harness.manager.streams.info(`KV_${bucket}`)).state.messages;

  it('has one winner of fifty that create the same key at once', async () => {
    const first = await harness.readyStore();
    const second = await harness.readyStore();
    const tries = Array.from({ length: 50 }, (_, by) =>
      (by % 2 === 0 ? first : second).idempotency.create('one', { by }),
    );
    const revisions = await Promise.all(tries);
    const winners = revisions.flatMap((revision, by) => (revision === undefined ? [] : [by]));
    assert.equal(winners.length, 1);
    const entry = await first.idempotency.get('one');
    assert.deepEqual(entry?.value, { by: winners[0] });
    assert.equal(entry?.revision, revisions[winners[0] ?? -1]);
  });

  it('is replaced only by who knows its newest revision, and not at all after a deletion', async () => {
    const { responses } = await harness.readyStore();
    assert.equal(await responses.get('r'), undefined);
    const first = (await responses.create('r', [1])) ?? Number.NaN;
    assert.equal(await responses.create('r', [2]), undefined);
    const second = (await responses.update('r', [3], first)) ?? Number.NaN;
    assert.equal(await responses.update('r', [4], first), undefined);
    assert.deepEqual(await responses.get('r'), { value: [3], revision: second });
    await responses.delete('r');
    await responses.delete('r');
    assert.equal(await responses.get('r'), undefined);
    assert.equal(await responses.update('r', [5], second), undefined);
    assert.notEqual(await responses.create('r', [6]), undefined);
  });

  it('holds values of any size around the largest message, and leaves no byte of them', async () => {
    const { responses } = await harness.readyStore();
    const kept = await messages('responses');
    for (const bytes of [MIB - 16_384 - 2, MIB - 16_384 - 1, MIB, 5 * MIB]) {
      const value = 'x'.repeat(bytes);
      const revision = await responses.create('size', value);
      assert.equal(typeof revision, 'number');
      assert.deepEqual(await responses.get('size'), { value, revision });
      await responses.delete('size');
      assert.equal(await messages('responses'), kept);
    }
  });

  it('leaves nothing of a large value that was replaced, refused or deleted', async () => {
    const { responses } = await harness.readyStore();
    const first = (await responses.create('big', large('first'))) ?? Number.NaN;
    assert.ok((await harness.findAnywhere(NEEDLE)).length >= 3);
    assert.equal(await responses.create('big', large('second')), undefined);
    const stored = await messages('responses');
    const second = (await responses.update('big', large('third'), first)) ?? Number.NaN;
    assert.equal(await responses.update('big', large('fourth'), first), undefined);
    assert.equal(await messages('responses'), stored, 'the parts of one value');
    assert.deepEqual((await responses.get('big'))?.value, large('third'));
    await responses.update('big', 'small', second);
    assert.deepEqual(await harness.findAnywhere(NEEDLE), []);
    await responses.delete('big');
    await responses.create('big', large('fifth'));
    await responses.delete('big');
    assert.deepEqual(await harness.findAnywhere(NEEDLE), []);
  });

  it('is found whole or not at all by who reads while it is replaced', async () => {
    const store = await harness.readyStore();
    const reader = await harness.readyStore();
    let revision = (await store.responses.create('busy', large('0'))) ?? Number.NaN;
    let done = false;
    const reading = (async () => {
      let reads = 0;
      for (; !done || reads < 3; reads++) {
        const { value } = (await reader.responses.get('busy')) ?? {};
        const { name, text } = value as { name: string; text: string };
        assert.equal(text, large(name).text);
      }
      return reads;
    })();
    for (let round = 1; round <= 10; round++) {
      const next = await store.responses.update('busy', large(`${round}`), revision);
      revision = next ?? Number.NaN;
    }
    done = true;
    assert.ok((await reading) >= 3);
    await store.responses.delete('busy');
  });

  it('deletes also what a gateway left that died while it stored a large value', async () => {
    const store = await harness.readyStore();
    harness.observer.publish('$KV.inputs.run.dead.0', NEEDLE);
    await until(async () => (await harness.findAnywhere(NEEDLE)).length === 1);
    assert.equal(await store.getInput('run'), undefined);
    await store.deleteInput('run');
    assert.deepEqual(await harness.findAnywhere(NEEDLE), []);
  });

  it('gives an input back byte for byte, the last one stored', async () => {
    const store = await harness.readyStore();
    const data = Buffer.from(JSON.stringify(large('input')));
    await store.putInput('run', Buffer.from('another'));
    await store.putInput('run', data);
    assert.ok(data.equals((await store.getInput('run')) ?? Buffer.alloc(0)));
    await store.deleteInput('run');
    assert.equal(await store.getInput('run'), undefined);
    assert.deepEqual(await harness.findAnywhere(NEEDLE), []);
  });

  it('answers truly when the acknowledgement of a write was lost', async (test) => {
    const cable = await Cable.to(harness.nats.port);
    test.after(() => cable.close());
    const store = harness.store(await harness.link(cable.url));
    await until(() => store.ready, { what: 'the buckets' });
    const stored = await store.responses.create('lost', 'first');
    cable.hold();
    const updating = store.responses.update('lost', 'second', stored ?? Number.NaN);
    const other = await harness.readyStore();
    const entry = await until(async () => {
      const now = await other.responses.get('lost');
      return now?.value === 'second' ? now : undefined;
    });
    cable.break();
    cable.release();
    assert.equal(await updating, entry.revision);
  });

  it('answers truly when somebody else was faster and that answer was lost', async (test) => {
    const cable = await Cable.to(harness.nats.port);
    test.after(() => cable.close());
    const store = harness.store(await harness.link(cable.url));
    await until(() => store.ready, { what: 'the buckets' });
    const other = await harness.readyStore();
    assert.notEqual(await store.idempotency.create('warm', 0), undefined);
    await other.idempotency.create('taken', 'by the other');
    cable.hold();
    const creating = store.idempotency.create('taken', 'by the first');
    await new Promise((resolve) => setImmediate(resolve));
    cable.break();
    cable.release();
    assert.equal(await creating, undefined);
    assert.equal((await other.idempotency.get('taken'))?.value, 'by the other');
  });
});

describe('stored state without room or without NATS', () => {
  it('refuses new values before a bucket is full, and replaces until it is', async (test) => {
    const harness = await Harness.start();
    test.after(() => harness.stop());
    const { responses } = await harness.readyStore({ responsesMaxBytes: MIB });
    const text = 'x'.repeat(50_000);
    const revisions: number[] = [];
    await assert.rejects(
      async () => {
        for (let index = 0; ; index++) {
          revisions.push((await responses.create(`k${index}`, text)) ?? Number.NaN);
        }
      },
      { code: 'storage_full' },
    );
    assert.ok(revisions.length >= 10, `${revisions.length} fitted`);
    assert.equal(await responses.create('k0', text), undefined, 'it is there, room or not');
    const longer = await responses.update('k0', `${text}${text}`, revisions[0] ?? 0);
    assert.equal(typeof longer, 'number', 'an answer still has room');
    await assert.rejects(responses.update('k1', text.repeat(5), revisions[1] ?? 0), {
      code: 'storage_full',
    });
    assert.equal((await responses.get('k1'))?.value, text, 'what was there stays');
    for (const index of revisions.keys()) await responses.delete(`k${index}`);
    await until(() => responses.create('again', text).catch(() => undefined));
  });

  it('says storage_full when NATS itself has no room left', async (test) => {
    const folder = await mkdtemp(join(tmpdir(), 'switchboard-full-'));
    test.after(() => rm(folder, { recursive: true, force: true }));
    const harness = await Harness.start({
      extraConfig: `jetstream { store_dir: "${folder}", max_file_store: 4MB }`,
    });
    test.after(() => harness.stop());
    const unbounded = { responsesMaxBytes: -1, idempotencyMaxBytes: -1, inputsMaxBytes: -1 };
    const store = await harness.readyStore(unbounded);
    await assert.rejects(store.putInput('run', new Uint8Array(6 * MIB)), { code: 'storage_full' });
    await until(() => store.putInput('small', new Uint8Array(10)).then(() => true));
    const none = harness.store(await harness.link(), { responsesMaxBytes: 64 * MIB });
    await assert.rejects(none.responses.create('k', 1), { code: 'storage_full' });
  });

  it('says queue_unavailable while NATS is away, and keeps what was stored', async (test) => {
    const harness = await Harness.start();
    test.after(() => harness.stop());
    const link = await harness.link();
    const store = harness.store(link);
    const revision = await store.responses.create('kept', 'value');
    harness.nats.kill('SIGKILL');
    await until(() => !link.connected, { what: 'the loss to be noticed' });
    assert.equal(store.ready, false);
    await assert.rejects(store.responses.get('kept'), { code: 'queue_unavailable' });
    await assert.rejects(store.responses.create('new', 1), { code: 'queue_unavailable' });
    await assert.rejects(store.deleteInput('run'), { code: 'queue_unavailable' });
    await harness.nats.restart();
    await until(() => store.ready, { what: 'the buckets' });
    assert.deepEqual(await store.responses.get('kept'), { value: 'value', revision });
  });

  it('makes its buckets again when they have vanished, and brings them to new bounds', async (test) => {
    const harness = await Harness.start();
    test.after(() => harness.stop());
    const store = await harness.readyStore();
    for (const name of ['responses', 'idempotency', 'inputs']) {
      await harness.manager.streams.delete(`KV_${name}`);
    }
    assert.equal(await store.responses.get('k'), undefined);
    assert.notEqual(await store.responses.create('k', 1), undefined);
    await harness.readyStore({ responsesMaxBytes: MIB, responsesTtlMs: 60_000 });
    const { config } = await harness.manager.streams.info('KV_responses');
    assert.equal(config.max_bytes, MIB);
    assert.equal(config.max_age, 60_000_000_000);
  });

  it('forgets a value when its time is over', async (test) => {
    const harness = await Harness.start();
    test.after(() => harness.stop());
    const store = await harness.readyStore({ responsesTtlMs: 1_000 });
    await store.responses.create('short', large('short'));
    await until(async () => (await store.responses.get('short')) === undefined);
    await until(async () => (await harness.findAnywhere(NEEDLE)).length === 0);
  });
});
