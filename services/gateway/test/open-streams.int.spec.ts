import assert from 'node:assert/strict';
import { it } from 'node:test';
import { CHAT, post, startGateway } from './harness.ts';

it('a caller reads so many streams at once, and another when one of them has ended', async () => {
  await using server = await startGateway({ maxStreamsPerUser: 2 });
  const ann = { authorization: 'Bearer ann' };
  server.runs.script = (run) => run.emit({ type: 'started', worker: 'w' });
  const streams = { ...CHAT, stream: true };
  const leaving = new AbortController();
  const open = [await post(server, streams, ann, leaving.signal), await post(server, streams, ann)];
  assert.deepEqual(
    open.map(({ status }) => status),
    [200, 200],
  );
  const refused = await post(server, streams, ann);
  assert.equal(refused.status, 429);
  assert.equal(server.runs.submitted.length, 2);
  const other = await post(server, streams, { authorization: 'Bearer bob' });
  assert.equal(other.status, 200);
  const ended = server.requestLine();
  leaving.abort();
  await ended;
  assert.equal((await post(server, streams, ann)).status, 200);
});
