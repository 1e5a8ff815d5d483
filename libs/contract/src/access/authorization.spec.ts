import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { describe, it } from 'node:test';
import { renderAuthorization, usersFromVariables } from './authorization.ts';
import { permissionsOf } from './permissions.ts';

const PAGE = new URL('../../../../docs/nats.md', import.meta.url);

describe('the users of NATS', () => {
  it('stand in docs/nats.md as they are', () => {
    const wanted = `\n\`\`\`\n${renderAuthorization(usersFromVariables(), ['default'])}\`\`\`\n`;
    assert.ok(fs.readFileSync(PAGE, 'utf8').includes(wanted), `not in docs/nats.md:${wanted}`);
  });

  it('get rights for the pools that are named, and for no other', () => {
    for (const role of ['gateway', 'worker'] as const) {
      const { publish, subscribe } = permissionsOf(role, ['wide']);
      const all = [...publish, ...subscribe];
      assert.ok(all.some((subject) => subject.includes('wide')));
      assert.ok(!all.some((subject) => subject.includes('default')), role);
    }
  });

  it('hold no right twice, and none to everything but the operator', () => {
    for (const role of ['gateway', 'worker'] as const) {
      const { publish, subscribe } = permissionsOf(role, ['a', 'b']);
      for (const subjects of [publish, subscribe]) {
        assert.equal(new Set(subjects).size, subjects.length, role);
        const broad = subjects.filter((subject) => /^(>|\*|\$JS\.(>|API\.>|ACK\.>))/.test(subject));
        assert.deepEqual(broad, [], role);
      }
    }
  });
});
