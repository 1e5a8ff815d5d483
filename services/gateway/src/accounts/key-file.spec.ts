import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { it } from 'node:test';
import { readKeyFile } from './key-file.ts';

const KEY = 'sk-sb-verysecretverysecretverysecretverysecretv';
const SHA = hash('sha256', KEY);
const good = { name: 'alice', sha256: SHA, createdAt: '2026-01-02T03:04:05Z' };

function problemsOf(text: string): readonly string[] {
  const read = readKeyFile(text);
  return 'problems' in read ? read.problems : [];
}

it('an entry has the smallest rights by default', () => {
  const read = readKeyFile(`\uFEFF${JSON.stringify({ keys: [good] })}`);
  assert.ok('entries' in read);
  assert.deepEqual(read.entries, [
    {
      ...good,
      tenant: 'default',
      scopes: ['api'],
      priority: 'normal',
      limits: {},
      disabled: false,
    },
  ]);
  assert.deepEqual(read.stored, [good]);
});

it('no keys at all are a good file: nobody enters', () => {
  assert.deepEqual(readKeyFile('{"keys":[]}'), { entries: [], stored: [] });
});

it('each mistake in an entry is told with its name and field', () => {
  const other = hash('sha256', 'other');
  const cases: readonly (readonly [entry: object, problem: string])[] = [
    [{ sha256: 'ABC' }, 'key "alice": sha256: must be a SHA-256 in 64 lower-case hex digits'],
    [{ sha256: undefined }, 'key "alice": sha256: Invalid input'],
    [{ user: '' }, 'key "alice": user: must be text'],
    [{ user: 'a\nb' }, 'key "alice": user: must be text without control characters'],
    [{ tenant: 'a b' }, 'key "alice": tenant: must be 1 to 64'],
    [{ scopes: [] }, 'key "alice": scopes: '],
    [{ scopes: ['root'] }, 'key "alice": scopes.0: Invalid option: expected one of "api"|'],
    [{ priority: 'urgent' }, 'key "alice": priority: Invalid option'],
    [{ limits: { requestsPerMinute: 0 } }, 'key "alice": limits.requestsPerMinute: '],
    [{ limits: { rpm: 1 } }, 'key "alice": limits: unknown field "rpm"'],
    [{ createdAt: 'yesterday' }, 'key "alice": createdAt: must be a time like'],
    [{ expiresAt: '2027-01-01' }, 'key "alice": expiresAt: must be a time like'],
    [{ disabled: 'yes' }, 'key "alice": disabled: Invalid input'],
    [{ admin: true }, 'key "alice": unknown field "admin"'],
    [{ [KEY]: true }, 'key "alice": unknown field (not shown)'],
    [{ name: 'a b' }, 'keys[1]: name: must be 1 to 64'],
    [{ name: KEY }, 'keys[1]: name: must not look like a key'],
    [{ name: SHA }, 'keys[1]: name: must not look like a key'],
    [{ name: undefined }, 'keys[1]: name: Invalid input'],
  ];
  for (const [change, problem] of cases) {
    const bob = { ...good, name: 'bob', sha256: other };
    const [found, ...more] = problemsOf(JSON.stringify({ keys: [bob, { ...good, ...change }] }));
    assert.ok(found?.startsWith(problem), `${problem} <> ${found}`);
    assert.deepEqual(more, [], problem);
  }
});

it('a name and a key stand once', () => {
  const twice = JSON.stringify({ keys: [good, good] });
  assert.deepEqual(problemsOf(twice), [
    'key "alice": the name is not unique',
    'key "alice": is the same key as "alice"',
  ]);
});

it('all problems are told together, some of many, and no key or hash with them', () => {
  const broken = Array.from({ length: 40 }, () => ({ name: KEY, sha256: KEY, [SHA]: SHA }));
  const problems = [...problemsOf(JSON.stringify({ keys: broken, [KEY]: 1 }))];
  assert.equal(problems.length, 21);
  assert.match(problems.at(-1) ?? '', /^and \d+ more$/);
  for (const text of ['{"keys": [', `{"keys": "${KEY}"}`, `{"${KEY}": 1, "keys": [}`, KEY, '[]']) {
    problems.push(...problemsOf(text));
  }
  assert.ok(problems.length >= 26);
  for (const problem of problems) {
    assert.ok(!problem.includes('verysecret') && !problem.includes(SHA.slice(0, 8)), problem);
  }
});

it('a mistake in the JSON is told by its place', () => {
  assert.match(problemsOf('{\n  "keys": []\n  1}')[0] ?? '', /not valid JSON, line 3 column 3$/);
});
