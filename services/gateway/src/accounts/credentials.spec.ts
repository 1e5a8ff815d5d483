import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SwitchboardError } from '@switchboard/contract';
import fc from 'fast-check';
import { bearerToken, soleAuthorization } from './credentials.ts';

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (thrown) {
    assert.ok(thrown instanceof SwitchboardError);
    return thrown.code;
  }
  return 'accepted';
}

it('a key is what stands after Bearer, however that is written', () => {
  for (const header of [
    'Bearer sk-a_b.c~d+/=',
    'bearer  sk-a_b.c~d+/=',
    ' BEARER sk-a_b.c~d+/= ',
  ]) {
    assert.equal(bearerToken(header), 'sk-a_b.c~d+/=', header);
  }
});

it('no header is a missing key, and one that cannot hold a key an invalid one', () => {
  const cases: readonly (readonly [header: string | undefined, code: string])[] = [
    [undefined, 'missing_api_key'],
    ['', 'missing_api_key'],
    ['Bearer', 'missing_api_key'],
    ['bearer ', 'missing_api_key'],
    ['Basic dXNlcjpwYXNz', 'invalid_api_key'],
    ['sk-sb-key', 'invalid_api_key'],
    ['Bearersk-sb-key', 'invalid_api_key'],
    ['Bearer one two', 'invalid_api_key'],
    ['Bearer one, Bearer two', 'invalid_api_key'],
    ['Bearer "one"', 'invalid_api_key'],
    ['Bearer =', 'invalid_api_key'],
    ['Bearer schlüssel', 'invalid_api_key'],
    ['Bearer one\r\nx-admin: 1', 'invalid_api_key'],
    [`Bearer ${'a'.repeat(8_185)}`, 'accepted'],
    [`Bearer ${'a'.repeat(8_186)}`, 'invalid_api_key'],
  ];
  for (const [header, code] of cases) {
    assert.equal(
      codeOf(() => bearerToken(header)),
      code,
      String(header).slice(0, 30),
    );
  }
});

it('whatever the header is, it is a token or a refusal that does not repeat it', () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    fc.string({ minLength: 6 }).map((text) => `Bearer ${text}`),
  );
  fc.assert(
    fc.property(anything, (header) => {
      try {
        assert.match(bearerToken(header), /^[\w\-.~+/]+=*$/);
      } catch (thrown) {
        assert.ok(thrown instanceof SwitchboardError, String(thrown));
        const given = header.trim();
        if (given.length > 10) assert.ok(!thrown.message.includes(given));
      }
    }),
  );
});

it('of two headers none counts', () => {
  assert.equal(soleAuthorization(['Host', 'a', 'Authorization', 'Bearer x']), 'Bearer x');
  assert.equal(soleAuthorization(['Host', 'authorization']), undefined);
  const twice = ['Authorization', 'Bearer x', 'AUTHORIZATION', 'Bearer x'];
  assert.equal(
    codeOf(() => soleAuthorization(twice)),
    'invalid_api_key',
  );
});
