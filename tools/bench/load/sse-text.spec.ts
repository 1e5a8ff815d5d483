import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SseText } from './sse-text.ts';
import { streamText } from './streams.ts';

function delta(content: string): string {
  return `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;
}

describe('the text of a stream', () => {
  it('is the same wherever the stream is cut into pieces', () => {
    const whole = `${delta('')}: heartbeat\n\n${delta('one ')}${delta('two')}data: [DONE]\n\n`;
    for (let at = 0; at <= whole.length; at += 1) {
      const events = new SseText();
      events.add(whole.slice(0, at));
      events.add(whole.slice(at));
      const { chunks, done, failure, text } = events;
      assert.deepEqual({ chunks, done, failure, text }, { ...WHOLE, text: 'one two' });
    }
  });

  it('is not done without [DONE]', () => {
    const events = new SseText();
    events.add(delta('one'));
    events.add('data: [DONE]\n');
    assert.equal(events.done, false);
  });

  it('has failed when an error or anything after [DONE] comes', () => {
    const failing = new SseText();
    failing.add('data: {"error":{"code":"worker_lost"}}\n\n');
    assert.equal(failing.failure, 'error worker_lost');
    const late = new SseText();
    late.add(`data: [DONE]\n\n${delta('late')}`);
    assert.match(late.failure ?? '', /after \[DONE\]/);
  });
});

describe('the text that a stream is asked to echo', () => {
  it('differs in every token and every stream', () => {
    assert.equal(streamText(7, 3), '7.0 7.1 7.2');
    const tokens = [streamText(1, 50), streamText(11, 50)].join(' ').split(' ');
    assert.equal(new Set(tokens).size, 100);
  });
});

const WHOLE = { chunks: 2, done: true, failure: undefined };
