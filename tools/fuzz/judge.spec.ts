import assert from 'node:assert/strict';
import { it } from 'node:test';
import { judge } from './judge.ts';

const answer = (status: string, body: string, head = '') =>
  judge({ end: 'closed', durationMs: 1, text: `HTTP/1.1 ${status}\r\n${head}\r\n\r\n${body}` });
const error = (code: string) =>
  `{"error":{"message":"x","type":"y","param":null,"code":"${code}"}}`;

it('takes what is documented for an answer, and silence too', () => {
  assert.equal(answer('200 OK', '{}').problem, undefined);
  assert.equal(answer('400 Bad Request', error('invalid_request')).problem, undefined);
  assert.equal(answer('503 x', error('queue_full')).label, '503 queue_full');
  assert.equal(answer('503 x', error('server_is_overloaded')).problem, undefined);
  assert.equal(judge({ end: 'closed', text: '', durationMs: 1 }).problem, undefined);
  const interim = `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}`;
  assert.equal(judge({ end: 'closed', text: interim, durationMs: 1 }).label, '200');
});

it('takes everything else for a problem', () => {
  const broken = [
    answer('500 x', error('internal_error')),
    answer('200 OK', `data: ${error('internal_error')}\n\n`),
    answer('200 OK', `\nevent: error\ndata: {"type":"error","code":"internal_error"}\n\n`),
    answer('503 x', error('whatever')),
    answer('502 x', '<html>'),
    answer('200 OK', '{}', 'x-injected: 1'),
    answer('200 OK', '{}', 'a: b\r\nx-injected: 1'),
    answer('400 x', 'at run (/srv/a.js:1:2)'),
    judge({ end: 'closed', text: 'hello', durationMs: 1 }),
    judge({ end: 'hung', text: 'HTTP/1.1 200 OK\r\n', durationMs: 1 }),
  ];
  const missed = broken.flatMap(({ problem }, at) => (problem === undefined ? [at] : []));
  assert.deepEqual(missed, []);
});
