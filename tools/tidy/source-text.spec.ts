import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRepository } from './repository.ts';
import { isCode } from './code-file.ts';
import { importsOf, maskText } from './source-text.ts';

test('comments, strings, templates and patterns are blanked; code and lines stay in place', () => {
  const text = [
    "const a = 'it\\'s { here'; // if (x) {",
    'const b = `one ${c({ d: `two ${e}` })} { three`; /* {',
    '} */ const f = /[/"]\\/{/.test(g) ? 4 / 2 / h : "}";',
  ].join('\n');
  const masked = maskText(text);
  assert.equal(masked.length, text.length);
  assert.deepEqual(
    masked.split('\n').map((line) => line.replaceAll(/ +/g, ' ').trim()),
    [
      "const a = ' ';",
      'const b = ` ${c({ d: ` ${e}` })} `;',
      'const f = / /.test(g) ? 4 / 2 / h : " ";',
    ],
  );
});

test('every way to name another module is found, and none that only stands in a text', () => {
  const text = [
    "import type { A } from './a.ts';",
    'import {',
    '  b,',
    "} from '@x/b';",
    "export * from './c.ts';",
    "import './d.ts';",
    "const e = await import('./e.ts');",
    "type F = import('./f.ts').F;",
    '// import "./no.ts"',
    'const g = "import \'./no.ts\'";',
  ].join('\n');
  assert.deepEqual(
    importsOf(text).map(({ specifier, line }) => `${line} ${specifier}`),
    ['1 ./a.ts', '4 @x/b', '5 ./c.ts', '6 ./d.ts', '7 ./e.ts', '8 ./f.ts'],
  );
});

test('the code of this repository is read to its end: its brackets are in balance', () => {
  for (const { path, text } of readRepository().filter((file) => isCode(file.path))) {
    const masked = maskText(text);
    const opened = masked.split('{').length;
    assert.equal(opened, masked.split('}').length, path);
  }
});
