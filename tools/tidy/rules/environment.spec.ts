import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemsIn } from '../sample.ts';
import { environment } from './environment.ts';

const read = 'const a = process.env.A;';

test('the config of a service, tools, tests and examples may read the environment', () => {
  const files = {
    'services/gateway/src/config.ts': read,
    'tools/start/main.ts': read,
    'services/gateway/test/harness.ts': read,
    'examples/http-service/agents/remote.ts': read,
    'libs/testkit/src/seeded-random.ts': read,
    'libs/pool/src/a.spec.ts': read,
    'libs/pool/src/a.ts': "// process.env is not read here\nconst a = 'process.env';",
  };
  assert.deepEqual(problemsIn(environment, files), []);
});

test('every other reader is a problem, whatever way it takes', () => {
  for (const text of [
    read,
    "process['env']",
    'const { env } = process;',
    "import { env } from 'node:process';",
  ]) {
    assert.equal(problemsIn(environment, { 'libs/pool/src/a.ts': text }).length, 1, text);
  }
  for (const path of ['services/gateway/src/main.ts', 'services/gateway/src/chat/config.ts']) {
    assert.equal(problemsIn(environment, { [path]: read }).length, 1, path);
  }
});
