import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemsIn } from '../sample.ts';
import { foreignAddresses } from './foreign-addresses.ts';

/** Joined here, so that this file does not break the rule itself. */
const join = (...parts: string[]) => parts.join('');

test('paths and addresses of one machine are problems', () => {
  for (const text of [
    join('cd /ho', 'me/ada/switchboard'),
    join('"/Us', 'ers/ada/x"'),
    join('/ro', 'ot/.cache'),
    join('C:', '\\temp'),
    join('https://regis', 'try.npmjs.org/x'),
    join('"tarball": "https://nex', 'us.example.org/x.tgz"'),
    join('regis', 'try=https://example.org'),
    join('//example.org/:_auth', 'Token=x'),
    join('http://192.16', '8.1.7:4222'),
    join('http://1', '0.1.2.3/'),
  ]) {
    assert.equal(problemsIn(foreignAddresses, { 'a.txt': `\n${text}` }).length, 1, text);
  }
});

test('paths in the repository, routes, loopback and public addresses are fine', () => {
  const text = [
    'libs/pool/src/index.ts ~/.cache/switchboard /v1/models /tmp /usr/bin/env',
    'http://127.0.0.1:8080/livez https://github.com/nats-io/nats-server docs/home/index.md',
    'https://example.org/home/page the registry of npm http://10ten.example.org',
  ].join('\n');
  assert.deepEqual(problemsIn(foreignAddresses, { 'a.md': text }), []);
});
