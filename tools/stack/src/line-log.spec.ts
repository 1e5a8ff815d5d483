import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';

import { LineLog } from './line-log.ts';

async function readAll(log: LineLog, chunks: readonly (string | Buffer)[]): Promise<void> {
  const stream = new PassThrough();
  log.read(stream);
  for (const chunk of chunks) stream.write(chunk);
  const ended = once(stream, 'end');
  stream.end();
  await ended;
}

describe('LineLog', () => {
  it('joins lines that arrive in pieces, also inside a character', async () => {
    const log = new LineLog({ linesMax: 10, lineLengthMax: 100 });
    const bytes = Buffer.from('añb\nsecond\nlast without an end');
    await readAll(log, [bytes.subarray(0, 2), bytes.subarray(2, 3), bytes.subarray(3)]);
    assert.deepEqual(log.lines, ['añb', 'second', 'last without an end']);
  });

  it('keeps only the last lines and only the start of each, so that it cannot grow', async () => {
    const log = new LineLog({ linesMax: 2, lineLengthMax: 3 });
    await readAll(log, ['one\ntwo\n', 'x'.repeat(1_000), 'y'.repeat(1_000), '\nend\n']);
    assert.deepEqual(log.lines, ['xxx', 'end']);
  });

  it('tells a listener about each line until it stops listening', async () => {
    const log = new LineLog({ linesMax: 10, lineLengthMax: 100 });
    const heard: string[] = [];
    const forget = log.listen((line) => heard.push(line));
    await readAll(log, ['one\ntwo\n']);
    forget();
    await readAll(log, ['three\n']);
    assert.deepEqual(heard, ['one', 'two']);
  });
});
