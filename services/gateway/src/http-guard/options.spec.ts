import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readConfig } from '@switchboard/platform/config';
import { HTTP_GUARD_DEFAULTS, HTTP_GUARD_OPTIONS, httpGuardOptions } from './options.ts';

const read = (env: Record<string, string>) => httpGuardOptions(readConfig(HTTP_GUARD_OPTIONS, env));

describe('the options of the guard', () => {
  it('have one set of defaults', () => {
    assert.deepEqual(read({}), HTTP_GUARD_DEFAULTS);
  });

  it('take lists of addresses and origins', () => {
    const env = {
      TRUSTED_PROXIES: '10.0.0.0/8, ::1',
      CORS_ORIGINS: 'https://a.example,http://b:1',
    };
    const { corsOrigins, trustedProxies } = read(env);
    assert.deepEqual(trustedProxies, ['10.0.0.0/8', '::1']);
    assert.deepEqual(corsOrigins, ['https://a.example', 'http://b:1']);
  });

  for (const wrong of ['proxy.local', '10.0.0.0/33', '10.0.0.0/8/8', '*', '0.0.0.0/x']) {
    it(`trust no proxy called ${wrong}`, () => {
      assert.throws(() => read({ TRUSTED_PROXIES: wrong }), { name: 'ConfigError' });
    });
  }

  for (const wrong of ['*', 'https://*.example', 'null', 'https://a.example/', 'a.example']) {
    it(`allow no origin ${wrong}`, () => {
      assert.throws(() => read({ CORS_ORIGINS: wrong }), { name: 'ConfigError' });
    });
  }
});
