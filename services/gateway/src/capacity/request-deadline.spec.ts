import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SwitchboardError } from '@switchboard/contract';
import { requestDeadlineMs } from './request-deadline.ts';

it('a deadline is seconds or milliseconds from now', () => {
  const cases = { '30': 30_000, '30s': 30_000, '1500ms': 1_500, '0.25': 250, ' 5s ': 5_000 };
  for (const [header, milliseconds] of Object.entries(cases)) {
    assert.equal(requestDeadlineMs(header), milliseconds, header);
  }
  assert.equal(requestDeadlineMs(undefined), undefined);
});

it('anything else is refused by the name of the header', () => {
  const wrong = ['', '0', '-1', 'soon', '1e3', '30m', '86401', '2026-11-22T00:00:00Z', ['1', '2']];
  for (const header of wrong) {
    assert.throws(
      () => requestDeadlineMs(header),
      (error) => error instanceof SwitchboardError && error.param === 'x-request-deadline',
      String(header),
    );
  }
});
