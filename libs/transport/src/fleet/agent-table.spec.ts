import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AgentCard, AgentProfile, cardOf, type WorkerWord } from '@switchboard/contract';
import fc from 'fast-check';
import { AgentTable } from './agent-table.ts';

const GRACE_MS = 300_000;
/** An agent that was not said for longer than this is not said any more. */
const SAID_MS = 30_000;
const TICK_MS = 500;

const card = (name: string, more: Partial<AgentProfile> = {}): AgentCard =>
  cardOf(AgentProfile.parse({ name, model: 'm', ...more }));

const word = (pool: string, startedAtMs: number, ...agents: AgentCard[]): WorkerWord => ({
  v: 1,
  worker: 'w',
  pool,
  slots: 5,
  busy: 0,
  draining: false,
  served: 0,
  startedAtMs,
  agents,
});

function tableAt(max?: number) {
  const clock = { ms: 0 };
  const taken: string[] = [];
  const table = new AgentTable({
    now: () => clock.ms,
    max,
    onTaken: (agent, pool, holder) => taken.push(`${agent}: ${pool} after ${holder}`),
  });
  table.up();
  const pass = (ms: number): void => {
    for (const end = clock.ms + ms; clock.ms < end;) {
      clock.ms = Math.min(end, clock.ms + TICK_MS);
      table.tick();
    }
  };
  const known = (): string[] => table.profiles.map(({ name, pool }) => `${name} in ${pool}`);
  return { clock, table, taken, pass, known };
}

describe('the table of agents', () => {
  it('knows an agent while its worker says it, and minutes longer, then not', () => {
    const { table, pass, known } = tableAt();
    table.hear(word('own', 1, card('a')));
    pass(GRACE_MS);
    assert.deepEqual(known(), ['a in own'], 'its only worker may start anew');
    table.hear(word('own', 2, card('a')));
    pass(GRACE_MS);
    assert.deepEqual(known(), ['a in own']);
    pass(TICK_MS);
    assert.deepEqual(known(), []);
  });

  it('is not told anything by a word without agents', () => {
    const { table, pass, known } = tableAt();
    const { agents: _agents, ...without } = word('own', 1);
    table.hear(word('own', 1, card('a')));
    pass(GRACE_MS);
    table.hear(without);
    assert.deepEqual(known(), ['a in own']);
    pass(TICK_MS);
    assert.deepEqual(known(), [], 'nor is its agent kept by one');
  });

  it('forgets nothing while it cannot hear, nor at once when it can again', () => {
    const { clock, table, pass, known } = tableAt();
    table.hear(word('own', 1, card('a')));
    table.down();
    pass(10 * GRACE_MS);
    assert.deepEqual(known(), ['a in own']);
    table.up();
    pass(GRACE_MS);
    assert.deepEqual(known(), ['a in own']);
    clock.ms += 10 * GRACE_MS;
    table.tick();
    assert.deepEqual(known(), ['a in own'], 'the process stood still');
    pass(GRACE_MS + TICK_MS);
    assert.deepEqual(known(), []);
  });

  it('gives an agent of two pools to the one whose name is first, and says so once', () => {
    const { table, taken, known } = tableAt();
    table.hear(word('z', 10, card('a')));
    assert.deepEqual(taken, []);
    for (let beat = 0; beat < 3; beat += 1) {
      table.hear(word('b', 20, card('a')));
      table.hear(word('z', 10, card('a')));
    }
    assert.deepEqual(known(), ['a in b']);
    assert.deepEqual(taken, ['a: z after b']);
  });

  it('gives it to the other one while no worker of the first says that it has it', () => {
    const { table, taken, pass, known } = tableAt();
    table.hear(word('b', 10, card('a')));
    pass(SAID_MS);
    table.hear(word('z', 10, card('a')));
    assert.deepEqual(known(), ['a in b'], 'a word may be lost');
    pass(TICK_MS);
    assert.deepEqual(known(), ['a in z']);
    table.hear(word('b', 30, card('a')));
    assert.deepEqual(known(), ['a in b']);
    assert.deepEqual(taken, ['a: z after b']);
  });

  it('does not say of a pool whose workers are gone that it has an agent of another one', () => {
    const { table, taken, pass, known } = tableAt();
    table.hear(word('b', 10, card('a')));
    pass(SAID_MS + TICK_MS);
    table.hear(word('z', 10, card('a')));
    assert.deepEqual(known(), ['a in z']);
    assert.deepEqual(taken, []);
  });

  it('does not judge who says it while it cannot hear, nor at once when it can again', () => {
    const { table, pass, known } = tableAt();
    table.hear(word('b', 10, card('a')));
    table.hear(word('z', 10, card('a')));
    table.down();
    pass(SAID_MS + TICK_MS);
    table.up();
    table.hear(word('z', 10, card('a')));
    pass(SAID_MS);
    assert.deepEqual(known(), ['a in b']);
    pass(TICK_MS);
    table.hear(word('z', 10, card('a')));
    assert.deepEqual(known(), ['a in z']);
  });

  it('holds every gateway to the same pool, whenever it began to hear and in whatever order', () => {
    const said = fc.record({
      pool: fc.constantFrom('a', 'b', 'c'),
      startedAtMs: fc.integer({ min: 1, max: 3 }),
      name: fc.constantFrom('x', 'y'),
    });
    const many = fc.array(said, { maxLength: 12 });
    fc.assert(
      fc.property(many, many, fc.infiniteStream(fc.nat()), (earlier, now, keys) => {
        const [one, other] = [tableAt(), tableAt()];
        const hear = ({ table }: typeof one, { pool, startedAtMs, name }: (typeof now)[0]) =>
          table.hear(word(pool, startedAtMs, card(name)));
        for (const each of earlier) hear(one, each);
        // The other one began after that. Of who is gone, the first knows it by their silence.
        one.pass(SAID_MS + TICK_MS);
        for (const each of now) hear(one, each);
        const shuffled = now.map((each) => ({ each, key: keys.next().value ?? 0 }));
        for (const { each } of shuffled.toSorted((a, b) => a.key - b.key)) hear(other, each);
        const names = new Set<string>(now.map(({ name }) => name));
        const holders = ({ table }: typeof one): string[] =>
          table.profiles.flatMap(({ name, pool }) => (names.has(name) ? `${name} in ${pool}` : []));
        assert.deepEqual(holders(one), holders(other));
      }),
    );
  });

  it("goes by its youngest worker's version, until that one is gone", () => {
    const { table, pass } = tableAt();
    const timeouts = (): number[] => table.profiles.map(({ timeout }) => timeout);
    table.hear(word('own', 20, card('a', { timeout: 2 })));
    table.hear(word('own', 10, card('a', { timeout: 1 })));
    assert.deepEqual(timeouts(), [2]);
    pass(60_000);
    table.hear(word('own', 10, card('a', { timeout: 1 })));
    assert.deepEqual(timeouts(), [1]);
  });

  it('gives the same array while nothing is another', () => {
    const { table, pass } = tableAt();
    table.hear(word('own', 1, card('a'), card('b')));
    const before = table.profiles;
    table.hear(word('own', 1, card('b'), card('a')));
    pass(1_000);
    assert.equal(table.profiles, before);
    table.hear(word('own', 1, card('a', { timeout: 7 })));
    assert.notEqual(table.profiles, before);
  });

  it('is bounded, keeps what it knows, and has room again for what it forgot', () => {
    const { table, pass, known } = tableAt(2);
    assert.equal(table.hear(word('own', 1, card('a'), card('b'), card('c'))), false);
    assert.equal(table.hear(word('other', 1, card('a'))), false, 'claims count, not names');
    assert.equal(table.hear(word('own', 1, card('a'))), true);
    assert.deepEqual(known(), ['a in own', 'b in own']);
    pass(GRACE_MS + TICK_MS);
    assert.equal(table.hear(word('own', 1, card('c'), card('d'))), true);
    assert.deepEqual(known(), ['c in own', 'd in own']);
  });
});
