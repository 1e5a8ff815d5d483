import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ownerOf } from './local-owner.ts';

it('owners differ by the key that is sent, however it is written', () => {
  assert.notEqual(ownerOf('Bearer a'), ownerOf('Bearer b'));
  assert.notEqual(ownerOf('Bearer a'), ownerOf(undefined));
  assert.equal(ownerOf('bearer  a '), ownerOf('Bearer a'));
});

it('callers without a key are one owner, and their header is not part of it', () => {
  assert.equal(ownerOf(''), ownerOf(undefined));
  assert.equal(ownerOf('Basic eDp5'), ownerOf(undefined));
  assert.equal(ownerOf('Bearer secret').includes('secret'), false);
});
