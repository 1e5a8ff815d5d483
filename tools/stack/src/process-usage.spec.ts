import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { cpuBetween, parsePs, parseStat, parseStatus, usageOf } from './process-usage.ts';

const MIB = 1_024 ** 2;

describe('the usage of a process', () => {
  it('is read past a program name with spaces and brackets', () => {
    const stat = '42 (a (b) c) S 1 42 42 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 1 0';
    assert.equal(parseStat(stat), 2);
  });

  it('has resident memory in bytes', () => {
    assert.equal(parseStatus('VmPeak:\t 9999 kB\nVmRSS:\t   2048 kB\n'), 2 * MIB);
    assert.ok(Number.isNaN(parseStatus('Name: zombie\n')));
  });

  it('is read from ps where there is no /proc', () => {
    assert.deepEqual(parsePs('  3:04.50  2048\n'), { cpuSeconds: 184.5, residentBytes: 2 * MIB });
    assert.equal(parsePs('1-02:03:04 1').cpuSeconds, 93_784);
  });

  it('is known of this very process, and what it took since is a difference', async () => {
    const processes = [{ name: 'this', pid: process.pid }];
    const before = await usageOf(processes);
    const { cpuSeconds = NaN, residentBytes = NaN } = before.get('this') ?? {};
    assert.ok(cpuSeconds > 0 && residentBytes > MIB);
    const later = new Map([['this', { cpuSeconds: cpuSeconds + 1.5, residentBytes }]]);
    assert.ok(Math.abs((cpuBetween(before, later).get('this') ?? NaN) - 1.5) < 1e-9);
  });
});
