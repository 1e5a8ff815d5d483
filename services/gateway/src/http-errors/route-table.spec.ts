import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RouteTable } from './route-table.ts';

it('knows the methods of exact paths and of paths with parameters, and nothing of others', () => {
  const table = new RouteTable();
  table.add(['POST'], '/v1/chat/completions');
  table.add(['GET'], '/v1/models/*');
  table.add(['HEAD'], '/v1/models/*');
  table.add(['GET', 'DELETE'], '/v1/responses/:id');
  table.add(['POST'], '/v1/responses/:id/cancel');
  assert.deepEqual(table.allowed('/v1/chat/completions'), ['POST']);
  assert.deepEqual(table.allowed('/v1//chat/completions/'), ['POST']);
  assert.deepEqual(table.allowed('/v1/models/team/writer'), ['GET', 'HEAD']);
  assert.deepEqual(table.allowed('/v1/responses/resp_1'), ['DELETE', 'GET']);
  assert.deepEqual(table.allowed('/v1/responses/resp_1/cancel'), ['POST']);
  const unknown = ['/v1/responses', '/v1/responses/a/b', '/v1/responses/a/cancel/b'];
  for (const path of ['/v1/models/', '/v1/models', '/v1', '/', '', ...unknown]) {
    assert.deepEqual(table.allowed(path), [], path);
  }
});
