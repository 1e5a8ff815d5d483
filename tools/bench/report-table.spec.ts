import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { reportTable } from './report-table.ts';
import { atMost, exactly, failed, near, reported, unbound, valueText } from './row.ts';

const MS = { name: 'p50', unit: 'ms' };

describe('a row of the report', () => {
  it('meets an upper bound up to the bound itself', () => {
    assert.equal(atMost(4, { ...MS, value: 4 }).met, true);
    assert.equal(atMost(4, { ...MS, value: 4.01 }).met, false);
  });

  it('meets an exact bound only exactly', () => {
    assert.equal(exactly(10, { ...MS, value: 10 }).met, true);
    assert.equal(exactly(10, { ...MS, value: 9 }).met, false);
  });

  it('is near an ideal in both directions', () => {
    assert.equal(near(6, 0.05, { ...MS, value: 6.3 }).met, true);
    assert.equal(near(6, 0.05, { ...MS, value: 5.69 }).met, false);
    assert.equal(near(6, 0.05, { ...MS, value: 6.31 }).met, false);
    assert.equal(near(6, 0.05, { ...MS, value: 6 }).bound, '6 ms +- 5 %');
  });

  it('is only reported without its bound, unless it was not measured', () => {
    const row = { ...MS, value: 9 };
    assert.deepEqual(unbound(atMost(4, row)), reported('p50', 9, 'ms'));
    assert.equal(unbound(failed('waves', 'no answer')).met, false);
  });

  it('that was not measured is a missed bound', () => {
    assert.equal(failed('waves', 'no answer').met, false);
    assert.equal(atMost(4, { ...MS, value: NaN }).met, false);
  });

  it('shows three digits that matter', () => {
    const texts = [1234.5, 12.345, 1.2345, 0.0123, 7].map((value) =>
      valueText({ value, unit: 's' }),
    );
    assert.deepEqual(texts, ['1235 s', '12.3 s', '1.23 s', '0.0123 s', '7 s']);
  });
});

describe('the report', () => {
  it('is one table of figure, value, bound and verdict', () => {
    const rows = [
      reported('direct p50', 0.5, 'ms'),
      atMost(4, { name: 'added', value: 2.5, unit: 'ms' }),
      exactly(10, { name: 'most', value: 11, unit: '' }),
    ];
    assert.equal(
      reportTable([{ figure: 'latency', rows, othersCores: 0.01 }]),
      [
        'figure           value  bound    verdict',
        '----------------------------------------',
        'latency',
        '  direct p50  0.500 ms',
        '  added        2.50 ms  <= 4 ms  ok',
        '  most              11  = 10     MISSED',
      ].join('\n'),
    );
  });

  it('says when the rest of the machine was busy', () => {
    const table = reportTable([{ figure: 'waves', rows: [], othersCores: 1.24 }]);
    assert.match(table, /^waves \(others took 1\.2 cores\)$/m);
  });
});
