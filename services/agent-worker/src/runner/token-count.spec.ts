import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { TokenCounter } from './token-count.ts';

const never = new AbortController().signal;

/** A tokenizer for which a word is a token, and which remembers what it was given. */
function words() {
  const asked: string[] = [];
  const counter = new TokenCounter(() =>
    Promise.resolve((text: string) => {
      asked.push(text);
      return text.split(' ').filter(Boolean).length;
    }),
  );
  return { asked, counter };
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n).join(' ');

async function total(counter: TokenCounter, text: string): Promise<number> {
  const [tokens] = await counter.count([[text]], Infinity, never);
  return tokens ?? 0;
}

describe('TokenCounter', () => {
  it('T3: loads the tokenizer once, when it is needed, and again after a failure', async () => {
    let loads = 0;
    const counter = new TokenCounter(() => {
      loads += 1;
      return loads === 1 ? Promise.reject(new Error('no memory')) : Promise.resolve(() => 1);
    });
    assert.equal(loads, 0);
    await assert.rejects(counter.count([['a']], 9, never), /no memory/);
    await Promise.all([counter.count([['a']], 9, never), counter.count([['b']], 9, never)]);
    assert.equal(loads, 2);
  });

  it('counts groups, numbers among them, and stops where there are too many', async () => {
    const { asked, counter } = words();
    const groups = [['a b', 3], [], ['c', ''], ['d e f'], ['g']];
    assert.deepEqual(await counter.count(groups, 100, never), [5, 0, 1, 3, 1]);
    assert.deepEqual(await counter.count(groups, 8, never), [5, 0, 1, 3]);
    assert.deepEqual(await counter.count([['h h', 'i'], ['j']], 1, never), [2]);
    assert.deepEqual(await counter.count([], 1, never), []);
    assert.ok(!asked.includes('i') && !asked.includes('j'));
  });

  it('counts again only where a text has grown', async () => {
    const { asked, counter } = words();
    const text = 'word '.repeat(5_000);
    assert.equal(await total(counter, text), 5_000);
    asked.length = 0;
    assert.equal(await total(counter, text), 5_000);
    assert.equal(asked.length, 0);
    assert.equal(await total(counter, `${text}more of it`), 5_003);
    assert.ok(asked.join('').length < 2_500, `${asked.join('').length} characters`);
  });

  it('never hands the tokenizer a word of which it takes the square', async () => {
    const { asked, counter } = words();
    const word = Array.from({ length: 5_000 }, (_, index) => index).join('_');
    await total(counter, word);
    assert.ok(asked.join('') === word);
    assert.ok(Math.max(...asked.map(({ length }) => length)) <= 256);
  });

  it('T1: goes on with other things meanwhile, and a short text does not wait for a long one', async () => {
    const counter = new TokenCounter(() =>
      Promise.resolve(() => {
        // As slow as a tokenizer may be on a busy machine.
        const untilMs = performance.now() + 1;
        while (performance.now() < untilMs);
        return 1;
      }),
    );
    const order: string[] = [];
    let turns = 0;
    const long = total(counter, numbers(20_000)).then(() => order.push('long'));
    const short = total(counter, 'z').then(() => order.push('short'));
    while (order.length < 2) {
      await nextTurn();
      turns += 1;
    }
    await Promise.all([long, short]);
    assert.deepEqual(order, ['short', 'long']);
    assert.ok(turns >= 10, `${turns} turns of the event loop`);
  });

  it('an aborted count ends at once, and others go on', async () => {
    const { counter } = words();
    const stop = new AbortController();
    const stopped = counter.count([['a '.repeat(500_000)]], Infinity, stop.signal);
    const other = total(counter, 'b c');
    stop.abort(new Error('gone'));
    await assert.rejects(stopped, /gone/);
    assert.equal(await other, 2);
    await assert.rejects(counter.count([['d']], 1, stop.signal), /gone/);
  });

  it('T4: what one count throws is its own failure, and others go on', async () => {
    const { counter } = words();
    const broken = {
      *[Symbol.iterator]() {
        yield 'a';
        throw new RangeError('too wide');
      },
    };
    const before = total(counter, 'b '.repeat(5_000));
    const failed = counter.count([broken], Infinity, never);
    const behind = total(counter, 'c d');
    await assert.rejects(failed, /too wide/);
    assert.deepEqual(await Promise.all([before, behind, total(counter, 'e')]), [5_000, 2, 1]);
  });

  it("counts as OpenAI's models do, special tokens as the text that they look like", async () => {
    const counter = new TokenCounter();
    assert.equal(await total(counter, 'hello world'), 2);
    assert.equal(await total(counter, 'The quick brown fox jumps over the lazy dog.'), 10);
    assert.ok((await total(counter, 'a <|endoftext|> b')) > 3);
    const text = `${numbers(2_000)} Sentences of words, one like the other.`.repeat(5);
    const [cut, whole] = [await total(counter, text), countTokens(text)];
    assert.ok(Math.abs(cut - whole) <= whole / 500, `${cut} instead of ${whole}`);
  });
});
