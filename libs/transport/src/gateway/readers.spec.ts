import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { OnDisconnect } from '@switchboard/contract';
import { Readers } from './readers.ts';

const WINDOW_MS = 30_000;
const ELSEWHERE_MS = 25_000;

function setUp(test: TestContext, onDisconnect: OnDisconnect) {
  test.mock.timers.enable({ apis: ['setTimeout'] });
  let clockMs = 1_000;
  test.mock.method(performance, 'now', () => clockMs);
  let abandoned = 0;
  const readers = new Readers({
    onDisconnect,
    resumeWindowMs: WINDOW_MS,
    elsewhereMs: ELSEWHERE_MS,
    onAbandoned: () => (abandoned += 1),
  });
  readers.changed(1, undefined);
  const pass = (ms: number): void => {
    clockMs += ms;
    test.mock.timers.tick(ms);
  };
  return { readers, pass, abandoned: () => abandoned };
}

describe('Readers', () => {
  it('R2: a run of policy cancel is abandoned with its last reader, and not before', (test) => {
    const { readers, pass, abandoned } = setUp(test, 'cancel');
    readers.changed(2, undefined);
    readers.changed(1, 'left');
    pass(WINDOW_MS * 10);
    assert.equal(abandoned(), 0);
    readers.changed(0, 'left');
    assert.equal(abandoned(), 1);
  });

  it('R2: a resumable run waits its window for a reader, each time anew', (test) => {
    const { readers, pass, abandoned } = setUp(test, 'resume');
    readers.changed(0, 'left');
    pass(WINDOW_MS - 1);
    readers.changed(1, undefined);
    pass(WINDOW_MS * 10);
    readers.changed(0, 'left');
    pass(WINDOW_MS - 1);
    assert.equal(abandoned(), 0);
    pass(2);
    assert.equal(abandoned(), 1);
  });

  it('R1: a run that continues is never abandoned', (test) => {
    const { readers, pass, abandoned } = setUp(test, 'continue');
    readers.changed(0, 'left');
    pass(WINDOW_MS * 100);
    assert.equal(abandoned(), 0);
  });

  it('R3: a detach abandons nothing, until somebody reads it here again', (test) => {
    for (const onDisconnect of ['cancel', 'resume'] as const) {
      const { readers, pass, abandoned } = setUp(test, onDisconnect);
      readers.changed(0, 'detached');
      pass(WINDOW_MS * 10);
      assert.equal(abandoned(), 0);
      readers.changed(1, undefined);
      readers.changed(0, 'left');
      pass(WINDOW_MS + 1);
      assert.equal(abandoned(), 1);
      readers.over();
      test.mock.reset();
    }
  });

  it('R4: a reader elsewhere counts until it leaves; the window begins then', (test) => {
    const { readers, pass, abandoned } = setUp(test, 'resume');
    readers.heardElsewhere('other', true);
    readers.changed(0, 'left');
    for (let beats = 0; beats < 20; beats++) {
      pass(ELSEWHERE_MS - 1);
      readers.heardElsewhere('other', true);
    }
    readers.heardElsewhere('other', false);
    pass(WINDOW_MS - 1);
    assert.equal(abandoned(), 0);
    pass(2);
    assert.equal(abandoned(), 1);
  });

  it('R4: a gateway that fell silent counts until then, and its window from its last word', (test) => {
    const { readers, pass, abandoned } = setUp(test, 'resume');
    readers.changed(0, 'left');
    readers.heardElsewhere('other', true);
    pass(ELSEWHERE_MS + 1);
    assert.equal(abandoned(), 0);
    pass(WINDOW_MS - ELSEWHERE_MS);
    assert.equal(abandoned(), 1);
  });

  it('tell whether one of them is the only one, here and elsewhere', (test) => {
    const { readers, pass } = setUp(test, 'cancel');
    assert.equal(readers.shared, false);
    readers.changed(2, undefined);
    assert.equal(readers.shared, true);
    readers.changed(1, 'left');
    readers.heardElsewhere('other', true);
    assert.equal(readers.shared, true);
    pass(ELSEWHERE_MS + 1);
    assert.equal(readers.shared, false);
    readers.heardElsewhere('other', true);
    readers.heardElsewhere('other', false);
    assert.equal(readers.shared, false);
  });

  it('R5: is abandoned once, and never after its end', (test) => {
    const { readers, pass, abandoned } = setUp(test, 'resume');
    readers.changed(0, 'left');
    readers.over();
    pass(WINDOW_MS * 2);
    readers.changed(1, undefined);
    readers.changed(0, 'left');
    readers.heardElsewhere('other', false);
    pass(WINDOW_MS * 2);
    assert.equal(abandoned(), 0);
  });
});
