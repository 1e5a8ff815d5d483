import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { UsageError } from '@switchboard/command-line';

import { readOptions } from './options.ts';

describe('the command line of a drill', () => {
  it('has a default for everything but the drill', () => {
    const options = readOptions(['restart', '--seed', '7']);
    assert.ok(options !== 'help');
    const { drill, seed, streams, streamSeconds, seconds, runs } = options;
    assert.deepEqual([drill, seed, streams, streamSeconds], ['restart', 7, 200, 10]);
    assert.deepEqual([seconds, runs], [120, 50]);
  });

  it('makes the streams long on request', () => {
    const options = readOptions(['restart', '--long', '--streams', '20']);
    assert.ok(options !== 'help');
    assert.deepEqual([options.streamSeconds, options.streams], [60, 20]);
  });

  it('knows that workers may not finish what runs', () => {
    const options = readOptions(['restart', '--short-drain']);
    assert.ok(options !== 'help');
    assert.equal(options.shortDrain, true);
  });

  it('stops a worker for three minutes, and has one nats-server', () => {
    const options = readOptions(['stopped']);
    assert.ok(options !== 'help');
    assert.deepEqual([options.seconds, options.replicas], [180, 1]);
  });

  it('overloads and poisons for a minute, and less where everybody comes back', () => {
    for (const [drill, seconds] of [
      ['overload', 60],
      ['poison', 60],
      ['retry-after', 10],
    ] as const) {
      const options = readOptions([drill]);
      assert.ok(options !== 'help');
      assert.equal(options.seconds, seconds);
    }
  });

  const wrong = [
    [],
    ['stop'],
    ['kill', 'restart'],
    ['kill', '--seconds', '1'],
    ['soak', '--seconds', '59'],
    ['stopped', '--seconds', '19'],
    ['retry-after', '--seconds', '13'],
    ['kill', '--replicas', '2'],
  ];
  for (const argv of wrong) {
    it(`is refused: ${argv.join(' ') || 'nothing'}`, () => {
      assert.throws(() => readOptions(argv), UsageError);
    });
  }

  it('explains itself', () => {
    assert.equal(readOptions(['--help']), 'help');
  });
});
