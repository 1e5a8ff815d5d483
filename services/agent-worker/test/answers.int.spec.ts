import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import type { RunEvent } from '@switchboard/contract';
import { OpenAiProvider } from '../src/llm/openai-provider.ts';
import { collect, portOf, startRig } from './worker-rig.ts';
import type { Rig } from './worker-rig.ts';

let rig: Rig;
before(async () => {
  rig = await startRig({ instructions: 'Be brief.' });
});
after(() => rig.close());

const text = (events: readonly { type: string; text?: string }[]): string =>
  events.map((event) => (event.type === 'text.delta' ? event.text : '')).join('');

test('a stream and a whole answer of one script say the same', async () => {
  const streamed = await collect(rig.run('tokens=8,reasoning=3'));
  const whole = await collect(rig.run('tokens=8,reasoning=3', { stream: false }));
  assert.equal(streamed.filter((event) => event.type === 'text.delta').length, 8);
  assert.equal(whole.filter((event) => event.type === 'text.delta').length, 1);
  assert.equal(text(streamed), text(whole));
  assert.deepEqual(streamed.at(-1), whole.at(-1));
});

test('a run ends with its usage and then its only end', async () => {
  const events = await collect(rig.run('tokens=3'));
  const types = events.map((event) => event.type);
  assert.deepEqual(types, ['text.delta', 'text.delta', 'text.delta', 'usage', 'completed']);
});

test('the provider sees the instructions, the history, the model and the parameters', async () => {
  const chat = { temperature: 0.5, user: 'u-1', max_completion_tokens: 9_999 };
  const sent: unknown = JSON.parse(text(await collect(rig.run('text=request', { chat }))));
  assert.deepEqual(sent, {
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'hello' },
    ],
    ...chat,
    stream_options: { include_usage: true },
    model: 'text=request',
    stream: true,
  });
});

test('a tool call comes through in both shapes', async () => {
  const tools = [{ type: 'function', function: { name: 'weather', parameters: {} } }];
  for (const stream of [true, false]) {
    const events = await collect(rig.run('tool=weather', { stream, chat: { tools } }));
    const calls = events.filter((event) => event.type === 'tool.call');
    assert.equal(calls[0]?.name, 'weather');
    assert.doesNotThrow(() => JSON.parse(calls.map((call) => call.arguments ?? '').join('')));
    const end = events.at(-1);
    assert.equal(end?.type === 'completed' && end.finishReason, 'tool_calls');
  }
});

test('the request id of the run is the request id at the provider', async () => {
  await collect(rig.run('tokens=1', { requestId: 'request-to-find' }));
  assert.equal((await rig.records('request-to-find')).length, 1);
});

test('an answer without a stream shows that it is alive with every piece, blank ones too', async () => {
  let response: ServerResponse | undefined;
  const server = createServer((_request, opened) => {
    response = opened;
    opened.writeHead(200, { 'content-type': 'application/json' }).write(' ');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${portOf(server)}/v1`;
  const provider = new OpenAiProvider({ baseUrl, apiKey: undefined, connections: 1 });
  const choice = { message: { content: 'hi' }, finish_reason: 'stop' };
  let pieces = 0;
  // The next piece is sent when the one before has been noticed.
  const onPiece = (): void => {
    pieces += 1;
    if (pieces < 5) response?.write(' ');
    else if (pieces === 5) response?.end(JSON.stringify({ choices: [choice] }));
  };
  const body = { model: 'm', messages: [], stream: false };
  // Without a sign of life the rest never comes.
  const signal = AbortSignal.timeout(10_000);
  const answer = await provider.open({ body, requestId: 'request-1', signal, onPiece });
  const events: RunEvent[] = [];
  try {
    assert.equal(await answer.read(events), false);
  } finally {
    answer.close();
    await provider.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  assert.equal(text(events), 'hi');
  assert.ok(pieces >= 6, `${pieces} pieces`);
});
