import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SwitchboardError } from '@switchboard/contract';
import type { DeadLetter } from '@switchboard/transport';

import { runDeadLetters, type Letters } from './run-dead-letters.ts';

const SECRET = 'the prompt';

function letter(id: number, more: Partial<DeadLetter> = {}): DeadLetter {
  const code = 'too_many_attempts';
  return { id, givenUpAtMs: 0, code, pool: 'default', run: `old_${id}`, sizeBytes: 9, ...more };
}

/** Letters in memory; those in `broken` cannot be replayed, and from `fullAt` on none. */
class FakeLetters implements Letters {
  readonly kept = new Map<number, DeadLetter>();
  readonly #broken: ReadonlySet<number>;
  readonly #fullAt: number;

  constructor(kept: readonly DeadLetter[], broken: readonly number[] = [], fullAt = Infinity) {
    for (const each of kept) this.kept.set(each.id, each);
    this.#broken = new Set(broken);
    this.#fullAt = fullAt;
  }

  async *list() {
    // What is replayed meanwhile must not show up here: the real one stops at its end, too.
    const kept = [...this.kept.values()];
    yield* kept;
  }

  async find(id: number) {
    return this.kept.get(id);
  }

  async body(id: number) {
    return this.kept.has(id) ? JSON.stringify({ chat: SECRET }) : undefined;
  }

  async replay(id: number) {
    if (id >= this.#fullAt) throw new SwitchboardError('queue_full', 'The queue is full.');
    if (!this.kept.has(id)) return { kind: 'missing' } as const;
    if (this.#broken.has(id)) return { kind: 'refused', why: 'it is broken' } as const;
    this.kept.delete(id);
    // Given up again at once, as a letter of its own.
    this.kept.set(id + 100, letter(id + 100));
    return { kind: 'queued', run: `new_${id}`, replaced: `old_${id}` } as const;
  }

  async remove(id: number) {
    return this.kept.delete(id);
  }

  async removeAll() {
    const count = this.kept.size;
    this.kept.clear();
    return count;
  }
}

describe('the commands over dead letters', () => {
  it('list and show what is known, and never what was asked', async () => {
    const letters = new FakeLetters([letter(1, { agent: 'assistant', requestId: 'r-1' })]);
    const { lines } = await runDeadLetters(letters, { name: 'list' });
    assert.match(lines[0] ?? '', /^ID {2}GIVEN UP +WHY +POOL +AGENT +REQUEST ID +BYTES$/);
    assert.match(lines[1] ?? '', /^1 +1970-01-01T00:00:00.000Z +too_many_attempts +default +assi/);
    const shown = await runDeadLetters(letters, { name: 'show', id: 1, body: false });
    assert.ok(shown.lines.includes('request id  r-1'));
    assert.ok(!JSON.stringify([lines, shown]).includes(SECRET));
    const whole = await runDeadLetters(letters, { name: 'show', id: 1, body: true });
    assert.match(whole.lines.join('\n'), /the prompt/);
    assert.deepEqual(whole.json, { ...letter(1), ...shown.json, body: '{"chat":"the prompt"}' });
  });

  it('show nothing that could steer a terminal', async () => {
    const letters = new FakeLetters([letter(1, { agent: '\u001b[2Jx\ny\u202e' })]);
    const said = await runDeadLetters(letters, { name: 'list' });
    assert.match(said.lines[1] ?? '', /�\[2Jx y�/);
  });

  it('replay all that there were at the start, and go on after one that cannot be', async () => {
    const letters = new FakeLetters([letter(1), letter(2), letter(3)], [2]);
    const said = await runDeadLetters(letters, { name: 'replay', which: 'all' });
    assert.deepEqual(said.lines, [
      'Letter 1 is queued as run new_1, in place of old_1.',
      'Letter 2 was not replayed: it is broken.',
      'Letter 3 is queued as run new_3, in place of old_3.',
    ]);
    assert.equal(said.exitCode, 1);
    assert.deepEqual([...letters.kept.keys()], [2, 101, 103]);
  });

  it('stop replaying at a queue that takes no more, and tell what was done', async () => {
    const letters = new FakeLetters([letter(1), letter(2), letter(3)], [], 2);
    const said = await runDeadLetters(letters, { name: 'replay', which: 'all' });
    assert.deepEqual(said.json, {
      replayed: [{ id: 1, run: 'new_1', replaced: 'old_1' }],
      failed: [{ id: 2, why: 'The queue is full' }],
    });
    assert.equal(said.exitCode, 1);
  });

  it('purge one or all, and say how many', async () => {
    const letters = new FakeLetters([letter(1), letter(2), letter(3)]);
    const one = await runDeadLetters(letters, { name: 'purge', which: 2 });
    assert.deepEqual([one.lines, one.exitCode], [['Letter 2 is erased.'], 0]);
    const all = await runDeadLetters(letters, { name: 'purge', which: 'all' });
    assert.deepEqual(all.json, { purged: 2 });
  });

  it('exit with 1 where there is no such letter, and with 0 where there are none at all', async () => {
    const letters = new FakeLetters([]);
    const named = [
      { name: 'show', id: 7, body: true },
      { name: 'purge', which: 7 },
      { name: 'replay', which: 7 },
    ] as const;
    for (const command of named) {
      const said = await runDeadLetters(letters, command);
      assert.equal(said.exitCode, 1);
      assert.match(said.lines[0] ?? '', /There is no dead letter 7\.|there is no such letter/);
    }
    for (const command of [{ name: 'list' }, { name: 'replay', which: 'all' }] as const) {
      const said = await runDeadLetters(letters, command);
      assert.deepEqual([said.lines, said.exitCode], [['There are no dead letters.'], 0]);
    }
  });
});
