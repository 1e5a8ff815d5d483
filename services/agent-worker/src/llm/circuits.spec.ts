import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Circuits } from './circuits.ts';

const heard = () => new Promise(setImmediate);

async function open(circuits: Circuits, model: string): Promise<void> {
  for (let call = 0; call < 5; call++) {
    circuits.of(model).enter().failed();
    await heard();
  }
}

test('a model that fails keeps no calls from the others, and is named in the log', async () => {
  const changes: unknown[] = [];
  const circuits = new Circuits({ onChange: (...change) => void changes.push(change) });
  await open(circuits, 'ill');
  assert.equal(circuits.of('ill').state, 'open');
  assert.equal(circuits.of('well').state, 'closed');
  assert.deepEqual([...circuits.notClosed], [['ill', 'open']]);
  assert.deepEqual(changes, [['ill', 'open']]);
});

test('names that callers invent take the place of each other, not that of models in use', async () => {
  const circuits = new Circuits({ onChange: () => {} });
  await open(circuits, 'ill');
  for (let index = 0; index < 100_000; index++) {
    circuits.of(`invented-${index}`);
    if (index % 100 === 0) circuits.of('ill');
  }
  assert.equal(circuits.of('ill').state, 'open');
  for (let index = 0; index < 256; index++) circuits.of(`invented-${index}`);
  assert.equal(circuits.notClosed.size, 0);
});
