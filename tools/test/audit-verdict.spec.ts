import assert from 'node:assert/strict';
import { it } from 'node:test';
import { auditVerdict } from './audit-verdict.ts';

const report = (vulnerabilities: object, advisories: object = {}): string =>
  JSON.stringify({ advisories, metadata: { vulnerabilities } });

it('fails for high and critical advisories and names them', () => {
  const advisory = { severity: 'high', module_name: 'left', title: 'a hole' };
  const { outcome, text } = auditVerdict(report({ high: 1, low: 2 }, { 1: advisory }));
  assert.equal(outcome, 'failed');
  assert.match(text, /high left: a hole/);
  assert.equal(auditVerdict(report({ critical: 1 })).outcome, 'failed');
});

it('passes when nothing grave is known', () => {
  assert.equal(auditVerdict(report({ high: 0, critical: 0, moderate: 3 })).outcome, 'passed');
});

it('was not run when there is no report, and says why', () => {
  const refused = 'Error: ERR_PNPM_AUDIT_BAD_RESPONSE\n\n  × The audit endpoint responded with 405';
  const { outcome, text } = auditVerdict(refused);
  assert.equal(outcome, 'not run');
  assert.match(text, /responded with 405/);
  for (const nothing of ['', '{}', 'null', '{"error":{"code":"X"}}']) {
    assert.equal(auditVerdict(nothing).outcome, 'not run', nothing);
  }
});
