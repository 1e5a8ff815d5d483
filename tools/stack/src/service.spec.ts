import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { childEnvironment } from './child-environment.ts';
import { readyLine } from './service.ts';

describe('readyLine', () => {
  it('finds the line with which a service says that it is ready, and its port', () => {
    const line = '{"level":30,"time":1,"name":"gateway","port":8080,"msg":"listening"}';
    assert.equal(readyLine(line)?.port, 8080);
    assert.equal(readyLine('{"msg":"ready","healthPort":9000}')?.healthPort, 9000);
  });

  it('takes nothing else for it', () => {
    for (const line of ['', 'listening', '{"msg":"closing"}', '{"msg":"ready","x":', '["ready"]']) {
      assert.equal(readyLine(line), undefined, line);
    }
  });
});

describe('childEnvironment', () => {
  it('passes on neither secrets nor options of Node', () => {
    process.env['OPENAI_API_KEY'] = 'for the worker alone';
    process.env['NODE_OPTIONS'] ??= '';
    const names = Object.keys(childEnvironment({ PORT: '1' }));
    assert.ok(names.includes('PATH') && names.includes('PORT'));
    assert.ok(!names.includes('OPENAI_API_KEY') && !names.includes('NODE_OPTIONS'));
  });
});
