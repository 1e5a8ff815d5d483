import assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { PARTS, filesOf, projects } from './parts.ts';

const UNIT = 'libs/pool/src/slots/slot.spec.ts';
const FILES = [
  UNIT,
  'libs/pool/tsconfig.json',
  'libs/pool/test/pool.int.spec.ts',
  'libs/pool/test/pool.fault.spec.ts',
  'libs/pool/dist/slot.spec.js',
  'libs/empty/tsconfig.json',
  'services/gateway/src/node_modules/x/x.spec.ts',
  'test/storm/conservation.storm.spec.ts',
  'test/whole.int.spec.ts',
  'tools/drill/judge.spec.ts',
  'tools/drill/test/kill.drill.spec.ts',
  'tools/e2e/test/model.real.spec.ts',
  'tools/e2e/test/all.examples.spec.ts',
  'tools/start/options.spec.ts',
  'tools/stack/test/nats.int.spec.ts',
  'tools/tidy/rules/size.spec.ts',
];

describe('the parts of npm test', () => {
  let root = '';

  before(async () => {
    root = await fs.mkdtemp(join(tmpdir(), 'switchboard-parts-'));
    for (const file of FILES) {
      await fs.mkdir(dirname(join(root, file)), { recursive: true });
      await fs.writeFile(join(root, file), '');
    }
  });

  after(async () => {
    await fs.rm(root, { recursive: true });
  });

  it('take each test file once, by where it is and what it is called', () => {
    const found = Object.fromEntries(PARTS.map((part) => [part.name, filesOf(part, root)]));
    assert.deepEqual(found, {
      format: [],
      lint: [],
      types: [],
      tidy: ['tools/tidy/rules/size.spec.ts'],
      unit: [UNIT, 'tools/drill/judge.spec.ts', 'tools/start/options.spec.ts'],
      integration: [
        'libs/pool/test/pool.int.spec.ts',
        'test/whole.int.spec.ts',
        'tools/stack/test/nats.int.spec.ts',
      ],
      fault: ['libs/pool/test/pool.fault.spec.ts'],
      storm: ['test/storm/conservation.storm.spec.ts'],
      drill: ['tools/drill/test/kill.drill.spec.ts'],
      examples: ['tools/e2e/test/all.examples.spec.ts'],
      real: ['tools/e2e/test/model.real.spec.ts'],
    });
  });

  it('check the types of each package that has sources', () => {
    assert.deepEqual(projects(root), ['libs/pool/tsconfig.json']);
  });
});
