import assert from 'node:assert/strict';
import { it } from 'node:test';
import { UsageError, readCommandLine } from './command-line.ts';

it('names a command, a key and what the key may do', () => {
  const bare = { kind: 'add', name: 'alice', key: {}, quiet: false };
  const limits = { outstanding: 4, requestsPerMinute: 60, tokensPerMinute: 1_000, tokensPerDay: 9 };
  const commands: readonly (readonly [line: string, command: object])[] = [
    ['add alice', bare],
    ['add alice --quiet', { ...bare, quiet: true }],
    [
      'add alice --user a@b.example --tenant t',
      { ...bare, key: { user: 'a@b.example', tenant: 't' } },
    ],
    ['add alice --scope api,admin', { ...bare, key: { scopes: ['api', 'admin'] } }],
    ['add --scope api --scope api alice', { ...bare, key: { scopes: ['api'] } }],
    ['add alice --expires 90m', { ...bare, key: { lifetimeMs: 5_400_000 } }],
    ['add alice --expires 30d', { ...bare, key: { lifetimeMs: 2_592_000_000 } }],
    ['add alice --priority high', { ...bare, key: { priority: 'high' } }],
    [
      'add alice --outstanding 4 --rpm 60 --tpm 1000 --tokens-per-day 9',
      { ...bare, key: { limits } },
    ],
    ['list', { kind: 'list', json: false }],
    ['list --json', { kind: 'list', json: true }],
    ['disable alice', { kind: 'disable', name: 'alice' }],
    ['enable alice', { kind: 'enable', name: 'alice' }],
    ['remove alice', { kind: 'remove', name: 'alice' }],
  ];
  for (const [line, command] of commands) {
    assert.deepEqual(readCommandLine(line.split(' ')), { command, file: undefined }, line);
  }
  assert.deepEqual(readCommandLine(['list', '--file', 'k.json']), {
    command: { kind: 'list', json: false },
    file: 'k.json',
  });
  assert.equal(readCommandLine(['add', '-h']), 'help');
});

it('that is wrong gives one sentence that says what is', () => {
  const wrong: readonly (readonly [line: string, message: RegExp])[] = [
    ['', /^The command must be one of add, list, disable, enable, remove\.$/],
    ['make alice', /^The command must be one of/],
    ['add', /^add needs the name of a key\.$/],
    ['add a b', /^add takes one name\.$/],
    ['add a/b', /^The name must be 1 to 64 of/],
    ['add sk-sb-abc', /^The name must not look like a key\.$/],
    ['list alice', /^list takes no name: it shows all\.$/],
    ['remove', /^remove needs the name of a key\.$/],
    ['remove alice --quiet', /^--quiet is for add only\.$/],
    ['disable alice --expires 1d', /^--expires is for add only\.$/],
    ['add alice --json', /^--json is for list only\.$/],
    ['add alice --scope root', /^--scope must be one of api, admin, act_for_users\.$/],
    ['add alice --scope api,', /^--scope must be one of/],
    ['add alice --priority low', /^--priority must be one of high, normal\.$/],
    ['add alice --expires 3w', /^--expires must be like 90m, 12h or 30d, at most 3650d\.$/],
    ['add alice --expires 0d', /^--expires must be like/],
    ['add alice --expires 9999d', /^--expires must be like/],
    ['add alice --rpm 0', /^--rpm must be a whole number in its range\.$/],
    ['add alice --rpm 1.5', /^--rpm must be a whole number/],
    ['add alice --outstanding 65537', /^--outstanding must be a whole number/],
    ['add alice --tenant a/b', /^--tenant must be 1 to 64 of/],
    ['list --nope', /^Unknown option '--nope'\.$/],
    ['list --file=', /^--file needs a path\.$/],
  ];
  for (const [line, message] of wrong) {
    assert.throws(
      () => readCommandLine(line === '' ? [] : line.split(' ')),
      (error) => error instanceof UsageError && message.test(error.message),
      line,
    );
  }
});
