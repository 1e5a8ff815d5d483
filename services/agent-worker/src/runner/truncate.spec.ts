import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { TurnMessage } from '@switchboard/contract';
import type { ProviderRequest } from './chat-provider.ts';
import { TokenCounter } from './token-count.ts';
import type { Countable } from './token-count.ts';
import { fitContext } from './truncate.ts';

const signal = new AbortController().signal;
/** A character is a token. */
const counter = new TokenCounter(() => Promise.resolve((text: string) => text.length));

const says = (role: string, content: string): TurnMessage => ({ role, content });
const user = (content: string) => says('user', content);
const assistant = (content: string) => says('assistant', content);

const request = (messages: readonly TurnMessage[], fields: object = {}): ProviderRequest => ({
  model: 'm',
  stream: true,
  max_tokens: 100,
  messages,
  ...fields,
});

const AUTO = { context_tokens: 1_000 };

async function kept(messages: readonly TurnMessage[], fields: object = {}): Promise<unknown[]> {
  const fitted = await fitContext(request(messages, fields), AUTO, { counter, signal });
  return fitted.messages.map((message) => (message as TurnMessage)['content']);
}

const LONG = 'x'.repeat(500);

describe('fitContext', () => {
  it('leaves out the oldest turns, whole, and keeps the system prompt', async () => {
    const system = says('system', 's');
    const turns = [user(LONG), assistant('a'), user('b'), assistant('c'), user(LONG)];
    assert.deepEqual(await kept([system, ...turns]), ['s', 'b', 'c', LONG]);
  });

  it('leaves out no turn that is older than one that stays', async () => {
    const turns = [user('a'), assistant('b'), user(LONG), user(LONG)];
    assert.deepEqual(await kept(turns), [LONG]);
  });

  it('fails when the last turn, with what always stays, is too long', async () => {
    const expected = { code: 'context_length_exceeded', param: 'messages' };
    await assert.rejects(kept([user(LONG + LONG)]), expected);
    await assert.rejects(kept([says('system', LONG), user('a'), user(LONG)]), expected);
    await assert.rejects(kept([user(LONG)], { tools: [{ name: LONG }] }), expected);
    await assert.rejects(kept([user('a')], { max_tokens: 2_000 }), expected);
  });

  it('leaves room for the answer that is asked for, else for a sensible one', async () => {
    const turns = [user(LONG), user('x'.repeat(300))];
    assert.equal((await kept(turns)).length, 2);
    assert.equal((await kept(turns, { max_completion_tokens: 300 })).length, 1);
    const unbounded = { max_tokens: null };
    assert.equal((await kept(turns, unbounded)).length, 1);
    assert.equal((await kept([user(LONG), user('x'.repeat(200))], unbounded)).length, 2);
  });

  it('changes nothing where it is not known what the model takes', async () => {
    const body = request([user(LONG), user(LONG)]);
    assert.equal(await fitContext(body, {}, { counter, signal }), body);
    assert.notEqual(await fitContext(body, AUTO, { counter, signal }), body);
  });

  it('counts no conversation that fits by its bytes', async () => {
    const unused = new TokenCounter(() => assert.fail('the tokenizer is loaded'));
    const body = request([user('x'.repeat(800))]);
    assert.equal(await fitContext(body, AUTO, { counter: unused, signal }), body);
  });

  it('counts an image as an image, and not as the text that carries it', async () => {
    const url = `data:image/png;base64,${'A'.repeat(50_000)}`;
    const seen = (detail: string): TurnMessage => ({
      role: 'user',
      content: [{ type: 'image_url', image_url: { url, detail } }],
    });
    assert.equal((await kept([seen('low'), user('a')])).length, 2);
    assert.equal((await kept([seen('high'), user('a')])).length, 1);
    // Text that only looks like one is counted.
    assert.equal((await kept([user(`data: ${LONG}${LONG}`), user('a')])).length, 1);
  });

  it('takes a message with more fields than a call takes arguments, and others meanwhile', async () => {
    const fields = Object.fromEntries(Array.from({ length: 200_000 }, (_, n) => [`f${n}`, 0]));
    // Of two bytes a character, so that it is left to the counter whether it fits.
    const content = '\u{e9}'.repeat(500);
    const wide: TurnMessage = { role: 'user', wide: fields, content };
    const [one, other] = await Promise.all([
      kept([user(LONG), wide, user('a')]),
      kept([user(LONG), user(LONG)]),
    ]);
    assert.deepEqual(one, [content, 'a']);
    assert.deepEqual(other, [LONG]);
  });

  it('lets others have their turn while it goes through values without a text', async () => {
    const zeros: TurnMessage = { ...user(LONG), zeros: [Array.from({ length: 100_000 }, () => 0)] };
    const pieces: (readonly Countable[])[] = [];
    const recorder = {
      count: (groups: Iterable<Iterable<Countable>>) => {
        for (const group of groups) pieces.push([...group]);
        return Promise.resolve(pieces.map(() => 0));
      },
    };
    await fitContext(request([zeros, user(LONG)]), AUTO, { counter: recorder, signal });
    assert.ok(pieces.flat().length > 100_000, `${pieces.flat().length} pieces`);
  });

  it('leaves out no call without its result, keeps the order, fits, and is the same again', async () => {
    const text = fc.integer({ min: 0, max: 120 }).map((length) => 'x'.repeat(length));
    const id = fc.constantFrom('1', '2', '3');
    const message = fc.oneof(
      fc.tuple(fc.constantFrom('system', 'user', 'assistant'), text).map(([role, content]) => {
        return says(role, content);
      }),
      id.map((call) => ({ role: 'assistant', tool_calls: [{ id: call, type: 'function' }] })),
      fc.tuple(id, text).map(([call, content]) => {
        return { role: 'tool', tool_call_id: call, content };
      }),
    );
    const property = fc.asyncProperty(
      fc.array(message, { minLength: 1, maxLength: 25 }),
      fc.integer({ min: 256, max: 1_500 }),
      async (messages, context) => {
        const profile = { context_tokens: context };
        const fit = async () => {
          return await fitContext(request(messages), profile, { counter, signal });
        };
        const fitted = await fit().catch((error: { code: string }) => error.code);
        if (typeof fitted === 'string') {
          assert.equal(fitted, 'context_length_exceeded');
          return;
        }
        assert.deepEqual(await fit(), fitted);
        const left = fitted.messages as TurnMessage[];
        const headLength = messages.findIndex(({ role }) => role !== 'system');
        const head = headLength < 0 ? messages : messages.slice(0, headLength);
        const tail = left.slice(head.length);
        assert.deepEqual(left.slice(0, head.length), head);
        assert.deepEqual(tail, messages.slice(messages.length - tail.length));
        assert.ok(tokensOf(left) <= context - 100);
        assertWhole(messages, messages.length - tail.length);
      },
    );
    await fc.assert(property, { numRuns: 1_000 });
  });
});

/** By the same rules, but all at once. */
function tokensOf(messages: readonly TurnMessage[]): number {
  let tokens = 0;
  const walk = (value: unknown): void => {
    if (typeof value === 'string') tokens += value.length;
    else if (Array.isArray(value)) value.forEach(walk);
    else if (typeof value === 'object' && value !== null) {
      tokens += 3;
      Object.values(value).forEach(walk);
    }
  };
  for (const message of messages) {
    tokens += 4;
    walk(message);
  }
  return tokens;
}

/** No result from `cut` on has its call before it. */
function assertWhole(messages: readonly TurnMessage[], cut: number): void {
  const calledAt = new Map<unknown, number>();
  for (const [index, { tool_calls: calls, tool_call_id: call }] of messages.entries()) {
    for (const made of (calls ?? []) as { id: string }[]) calledAt.set(made.id, index);
    const at = call === undefined ? undefined : calledAt.get(call);
    if (at !== undefined && index >= cut) assert.ok(at >= cut, `call ${at}, cut ${cut}`);
  }
}
