import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { SwitchboardError } from '@switchboard/contract';
import { seededRandom, testSeed } from '@switchboard/testkit';
import { Circuit, OPEN_MS } from './circuit.ts';
import type { CircuitName } from './circuit.ts';

let nowMs: number;
let changes: CircuitName[];
let circuit: Circuit;

beforeEach(() => {
  nowMs = 1_000;
  changes = [];
  circuit = new Circuit({ onChange: (state) => void changes.push(state), nowMs: () => nowMs });
});

/** What a trial says is heard a few microtasks later. */
const heard = () => new Promise(setImmediate);

async function say(...verdicts: readonly ('succeeded' | 'failed' | 'refused' | 'left')[]) {
  for (const verdict of verdicts) {
    circuit.enter()[verdict]();
    await heard();
  }
}

const FIVE = Array.from({ length: 5 }, () => 'failed' as const);

function refusal(): SwitchboardError | undefined {
  try {
    circuit.check();
    return undefined;
  } catch (thrown) {
    assert.ok(thrown instanceof SwitchboardError);
    return thrown;
  }
}

test('five failures in a row open it, four do not', async () => {
  await say(...FIVE.slice(1), 'succeeded', ...FIVE.slice(1));
  assert.equal(refusal(), undefined);
  await say('failed');
  assert.equal(circuit.state, 'open');
  assert.deepEqual(changes, ['open']);
});

test('more than half of the last twenty calls open it, half do not', async () => {
  for (let pair = 0; pair < 10; pair++) await say('failed', 'succeeded');
  assert.equal(circuit.state, 'closed');
  await say('failed', 'failed');
  assert.equal(circuit.state, 'open');
});

test('while it is open it says what is left of the pause', async () => {
  await say(...FIVE);
  nowMs += 4_000;
  const { code, retryAfterMs } = refusal() ?? assert.fail();
  assert.deepEqual([code, retryAfterMs], ['provider_unavailable', OPEN_MS - 4_000]);
  assert.throws(() => circuit.enter(), { code: 'provider_unavailable' });
});

test('after the pause one call tries, and the others are refused until it has begun', async () => {
  await say(...FIVE);
  nowMs += OPEN_MS;
  const probe = circuit.enter();
  assert.equal(circuit.state, 'half_open');
  assert.ok((refusal()?.retryAfterMs ?? 0) > 0);
  probe.begun();
  await heard();
  assert.deepEqual(changes, ['open', 'half_open', 'closed']);
  assert.equal(refusal(), undefined);
  probe.failed();
  await heard();
  assert.equal(circuit.state, 'closed');
});

test('a try that fails opens it for another pause', async () => {
  await say(...FIVE);
  nowMs += OPEN_MS;
  await say('failed');
  assert.equal(refusal()?.retryAfterMs, OPEN_MS);
});

test('a try that was given up says nothing: the next call tries', async () => {
  await say(...FIVE);
  nowMs += OPEN_MS;
  await say('left');
  assert.equal(circuit.state, 'open');
  assert.equal(refusal(), undefined);
  await say('succeeded');
  assert.equal(circuit.state, 'closed');
});

test('a try that is refused shows that the provider is there', async () => {
  await say(...FIVE);
  nowMs += OPEN_MS;
  await say('refused');
  assert.equal(circuit.state, 'closed');
});

test('what is refused or given up counts neither for nor against the provider', async () => {
  for (let call = 0; call < 50; call++) await say('refused', 'left');
  await say(...FIVE.slice(1), 'refused', 'left');
  assert.equal(circuit.state, 'closed');
  await say('failed');
  assert.equal(circuit.state, 'open');
});

test('calls that began before it opened change nothing when they end', async () => {
  const slow = [circuit.enter(), circuit.enter(), circuit.enter()];
  await say(...FIVE);
  nowMs += 6_000;
  slow[0]?.failed();
  slow[1]?.succeeded();
  slow[2]?.left();
  await heard();
  assert.equal(refusal()?.retryAfterMs, OPEN_MS - 6_000);
});

test('it never lets two calls try at once, and never stays shut', async (context) => {
  const random = seededRandom(testSeed(context));
  const verdicts = ['succeeded', 'failed', 'failed', 'failed', 'refused', 'left'] as const;
  for (let round = 0; round < 200; round++) {
    const open = [];
    for (let call = 0; call < 20; call++) {
      const before = circuit.state;
      if (refusal() === undefined) {
        open.push(circuit.enter());
        if (before === 'open') assert.ok(refusal() !== undefined, 'a second one was let through');
      }
      if (random.next() < 0.5) open.splice(0, 1)[0]?.[random.pick(verdicts)]();
      if (random.next() < 0.5) await heard();
      nowMs += random.int(0, OPEN_MS / 2);
    }
    for (const trial of open) trial.succeeded();
    await heard();
    nowMs += OPEN_MS;
    await say('succeeded');
    assert.equal(circuit.state, 'closed', `round ${round}`);
  }
  assert.ok(changes.includes('open'));
});
