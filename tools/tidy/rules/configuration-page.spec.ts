import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderConfiguration } from '../configuration.ts';
import { problemsIn, sample } from '../sample.ts';
import { configurationPage } from './configuration-page.ts';

const PAGE = 'docs/configuration.md';

test('the page as generated is fine', () => {
  assert.deepEqual(problemsIn(configurationPage('a\nb\n'), { [PAGE]: 'a\nb\n' }), []);
});

test('a page that differs, lacks its end, or is missing is a problem, with the way to write it', () => {
  const rule = configurationPage('a\nb\n');
  const cure = 'run node tools/tidy/write-configuration.ts';
  assert.deepEqual(problemsIn(rule, { [PAGE]: 'a\nc\n' }), [
    `${PAGE}:2 is not what the declarations give; ${cure}`,
  ]);
  assert.equal(problemsIn(rule, { [PAGE]: 'a\n' }).length, 1);
  assert.deepEqual(problemsIn(rule, {}), [`${PAGE}:1 the file is missing: ${cure}`]);
});

test('declarations that cannot be read are problems of their file', async () => {
  const path = 'services/no-such-service/src/config.ts';
  const { text, problems } = await renderConfiguration(sample({ [path]: '' }));
  assert.equal(text, undefined);
  const found = problemsIn(configurationPage(text, problems), { [PAGE]: 'a' });
  assert.match(found[0] ?? '', /no-such-service\/src\/config.ts:1 cannot be imported/);
});
