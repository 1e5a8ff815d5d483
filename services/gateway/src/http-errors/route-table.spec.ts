import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RouteTable } from './route-table.ts';

it('knows the methods of exact paths and of paths with a wildcard, and nothing of others', () => {
  const table = new RouteTable();
  table.add(['POST'], '/v1/chat/completions');
  table.add(['GET'], '/v1/models/*');
  table.add(['HEAD'], '/v1/models/*');
  assert.deepEqual(table.allowed('/v1/chat/completions'), ['POST']);
  assert.deepEqual(table.allowed('/v1//chat/completions/'), ['POST']);
  assert.deepEqual(table.allowed('/v1/models/team/writer'), ['GET', 'HEAD']);
  for (const path of ['/v1/models/', '/v1/models', '/v1', '/', '']) {
    assert.deepEqual(table.allowed(path), [], path);
  }
});
