import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';

import { chunks, simulated, type Asked } from './client.ts';

interface Message {
  readonly content: string | null;
  readonly tool_calls?: readonly {
    readonly id: string;
    readonly function: { readonly name: string; readonly arguments: string };
  }[];
}

interface Answered {
  readonly message: Message;
  readonly finish_reason: string;
}

const WEATHER = {
  type: 'function',
  function: {
    name: 'weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, unit: { enum: ['celsius', 'kelvin'] } },
    },
  },
};

const TIME = { type: 'function', function: { name: 'time' } };
const TOOLS = [WEATHER, TIME];

async function ask(context: TestContext, asked: Asked): Promise<Answered> {
  const client = await simulated(context);
  const { body, status } = await client.chat(asked).reply;
  assert.equal(status, 200);
  const { choices }: { choices: Answered[] } = JSON.parse(body);
  const [choice] = choices;
  assert.ok(choice);
  return choice;
}

/** The called function's name, or undefined if the answer is in words. */
async function called(context: TestContext, asked: Asked): Promise<string | undefined> {
  const { finish_reason: reason, message } = await ask(context, asked);
  const [call] = message.tool_calls ?? [];
  assert.equal(reason, call === undefined ? 'stop' : 'tool_calls');
  assert.equal(message.content === null, call !== undefined);
  return call?.function.name;
}

/** A conversation that ends with the result of a call of this function. */
function afterResultOf(name: string): readonly object[] {
  const call = { id: 'call_1', type: 'function', function: { name, arguments: '{}' } };
  return [
    { role: 'user', content: 'What is it like?' },
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'tool', tool_call_id: 'call_1', content: '20 degrees' },
  ];
}

describe('a call of a function', () => {
  it('is streamed as a name and then pieces of its arguments, each one a token', async (context) => {
    const client = await simulated(context);
    const headers = { 'x-request-id': 'call' };
    const asked = { model: 'tool=weather', stream: true, tools: [WEATHER], headers };
    const stream = chunks((await client.chat(asked).reply).body);
    const calls = stream.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
    assert.equal(calls[0]?.function.name, 'weather');
    assert.ok(calls[0]?.id);
    const pieces = calls.slice(1).map((call) => call.function.arguments);
    assert.ok(pieces.length > 5 && pieces.every((piece) => piece !== ''));
    assert.deepEqual(JSON.parse(pieces.join('')), { city: 'simulated value', unit: 'celsius' });
    assert.equal(stream.at(-1)?.choices[0]?.finish_reason, 'tool_calls');
    assert.equal((await client.ended('call')).tokens, pieces.length);
  });

  it('comes at the pace of the script', async (context) => {
    const client = await simulated(context);
    const headers = { 'x-request-id': 'paced' };
    const model = 'tool=weather,think=30ms,pace=10ms,args={"city":"Paris, France"}';
    const asked = { model, stream: true, tools: [WEATHER], headers };
    await client.chat(asked).reply;
    const { startedAtMs, tokensAtMs } = await client.ended('paced');
    assert.equal(tokensAtMs.length, Math.ceil('{"city":"Paris, France"}'.length / 6));
    for (const [index, atMs] of tokensAtMs.entries()) {
      assert.ok(atMs - startedAtMs >= 29 + 10 * index, `token ${index}`);
    }
  });

  it('has the scripted arguments to the letter, streamed or not', async (context) => {
    const client = await simulated(context);
    const args = '{"city":"Köln, \\"Dom\\"","unit":"kelvin"}';
    // A header has no letters beyond ASCII; the model's name has.
    const asked = { model: `tool=weather,args=${args}`, tools: [WEATHER] };
    const stream = chunks((await client.chat({ ...asked, stream: true }).reply).body);
    const calls = stream.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
    assert.equal(calls.map((call) => call.function.arguments).join(''), args);
    const { message } = await ask(context, asked);
    assert.equal(message.tool_calls?.[0]?.function.arguments, args);
  });

  it('is made without a script when tool_choice asks for it', async (context) => {
    const named = (name: string) => ({ type: 'function', function: { name } });
    const allowed = {
      type: 'allowed_tools',
      allowed_tools: { mode: 'required', tools: [named('time')] },
    };
    const variants: readonly (readonly [choice: unknown, name: string | undefined])[] = [
      [named('time'), 'time'],
      ['required', 'weather'],
      [allowed, 'time'],
      ['auto', undefined],
      ['none', undefined],
      [named('nothing'), undefined],
    ];
    for (const [choice, name] of variants) {
      const asked = { model: 'tokens=1', tools: TOOLS, tool_choice: choice };
      assert.equal(await called(context, asked), name, JSON.stringify(choice));
    }
  });

  it('is the scripted one when script and tool_choice differ', async (context) => {
    const asked = { model: 'tool=time', tools: TOOLS, tool_choice: 'required' };
    assert.equal(await called(context, asked), 'time');
  });

  it('is not made without the function, nor with tool_choice none', async (context) => {
    const model = 'tool=weather';
    for (const asked of [
      { model },
      { model, tools: [TIME] },
      { model, tools: [WEATHER], tool_choice: 'none' },
    ]) {
      assert.equal(await called(context, asked), undefined);
    }
  });

  it('is followed by words once its own result is the last message', async (context) => {
    const asked = { model: 'tool=weather', tools: TOOLS };
    const messages = afterResultOf('weather');
    assert.equal(await called(context, { ...asked, messages }), undefined);
    const forced = { ...asked, tool_choice: { type: 'function', function: { name: 'weather' } } };
    assert.equal(await called(context, { ...forced, messages }), undefined);
    // The result of another function, or an older one, is no answer to this call.
    assert.equal(await called(context, { ...asked, messages: afterResultOf('time') }), 'weather');
    const again = [...messages, { role: 'user', content: 'And tomorrow?' }];
    assert.equal(await called(context, { ...asked, messages: again }), 'weather');
    // A result that belongs to no call is taken for the one that is waited for.
    const stray = [{ role: 'tool', tool_call_id: 'c', content: '20 degrees' }];
    assert.equal(await called(context, { ...asked, messages: stray }), undefined);
  });
});

describe('several calls', () => {
  const names = (calls: Message['tool_calls']): readonly string[] => {
    return (calls ?? []).map((call) => call.function.name);
  };

  it('come in one answer, streamed or not, each with an id of its own', async (context) => {
    const model = 'tool=weather+time,args={"city":"Rome"},call_id=c';
    const asked = { model, tools: TOOLS };
    const whole = (await ask(context, asked)).message.tool_calls ?? [];
    const client = await simulated(context);
    const stream = chunks((await client.chat({ ...asked, stream: true }).reply).body);
    const deltas = stream.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
    const streamed = ['0', '1'].map((index) => {
      const own = deltas.filter((delta) => String(delta.index) === index);
      return { id: own[0]?.id, args: own.map((delta) => delta.function.arguments).join('') };
    });
    const args = '{"city":"Rome"}';
    assert.deepEqual(names(whole), ['weather', 'time']);
    assert.deepEqual(
      whole.map((call) => [call.id, call.function.arguments]),
      [
        ['c', args],
        ['c_1', args],
      ],
    );
    assert.deepEqual(streamed, [
      { id: 'c', args },
      { id: 'c_1', args },
    ]);
  });

  it('come one after the other, each after the result of the one before', async (context) => {
    const asked = { model: 'tool=weather>time', tools: TOOLS };
    assert.equal(await called(context, asked), 'weather');
    const after = (name: string) => ({ ...asked, messages: afterResultOf(name) });
    assert.equal(await called(context, after('weather')), 'time');
    assert.equal(await called(context, after('time')), undefined);
  });

  it('never end when they always come, whatever the request wants', async (context) => {
    const asked = { model: 'tool=weather>time,always=1', tools: TOOLS };
    const after = (name: string) => ({ ...asked, messages: afterResultOf(name) });
    assert.equal(await called(context, after('time')), 'weather');
    assert.equal(await called(context, { ...after('weather'), tool_choice: 'none' }), 'time');
    assert.equal(await called(context, { model: asked.model }), 'weather');
  });
});
