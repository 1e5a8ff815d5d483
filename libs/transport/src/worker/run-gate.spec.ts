import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { RunGate, type RunPass } from './run-gate.ts';

const never = new AbortController().signal;

let gate: RunGate;
let changes: boolean[];

beforeEach(() => {
  changes = [];
  gate = new RunGate({ onChange: (closed) => changes.push(closed) });
});

function enter(): RunPass {
  const pass = gate.enter();
  assert.ok(pass, 'it should be let in');
  return pass;
}

describe('the gate of a worker', () => {
  it('G1: a suspect is alone only when everybody else has left', async () => {
    const [suspect, first, second] = [enter(), enter(), enter()];
    let alone = false;
    const isolated = suspect.isolate(never).then((answer) => (alone = answer));
    first.leave();
    await new Promise(setImmediate);
    assert.equal(alone, false);
    second.leave();
    await isolated;
    assert.equal(alone, true);
    suspect.leave();
    assert.deepEqual(changes, [true, false]);
  });

  it('G3: from when a suspect waits until it has left, nobody is let in', async () => {
    const [suspect, other] = [enter(), enter()];
    const isolated = suspect.isolate(never);
    assert.equal(gate.enter(), undefined);
    other.leave();
    assert.equal(await isolated, true);
    assert.equal(gate.enter(), undefined);
    suspect.leave();
    assert.ok(gate.enter());
  });

  it('G3: the second of two suspects is refused, so that neither waits for the other', async () => {
    const [first, second] = [enter(), enter()];
    const isolated = first.isolate(never);
    assert.equal(await second.isolate(never), false);
    second.leave();
    assert.equal(await isolated, true);
  });

  it('lets everybody in again when a suspect that waits is cancelled', async () => {
    const cancel = new AbortController();
    const [suspect, other] = [enter(), enter()];
    const isolated = suspect.isolate(cancel.signal);
    cancel.abort();
    // In the same moment the last other one leaves: refused is refused.
    other.leave();
    assert.equal(await isolated, false);
    assert.equal(gate.closed, false);
    assert.deepEqual(changes, [true, false]);
    assert.equal(await suspect.isolate(never), true);
  });

  it('refuses a suspect that waits when the worker stops', async () => {
    const suspect = enter();
    enter();
    const isolated = suspect.isolate(never);
    gate.stop();
    assert.equal(await isolated, false);
    assert.equal(gate.closed, false);
  });

  it('G1: nobody is alone beside an abandoned handler, until that has ended', async () => {
    const handler = Promise.withResolvers<void>();
    const [suspect, heedless] = [enter(), enter()];
    const isolated = suspect.isolate(never);
    heedless.abandon(handler.promise);
    assert.equal(await isolated, false, 'it would wait for ever');
    heedless.leave();
    assert.equal(gate.abandoned, 1);
    assert.equal(gate.crowded, true);
    assert.equal(await suspect.isolate(never), false);
    handler.reject(new Error('late'));
    await new Promise(setImmediate);
    assert.equal(gate.abandoned, 0);
    assert.equal(await suspect.isolate(never), true);
  });

  it('a suspect whose own handler was abandoned lets others in when its end is stored', async () => {
    const suspect = enter();
    await suspect.isolate(never);
    suspect.abandon(new Promise(() => undefined));
    assert.equal(gate.enter(), undefined);
    suspect.leave();
    assert.ok(gate.enter());
    assert.equal(gate.abandoned, 1);
  });
});
