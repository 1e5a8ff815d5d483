import assert from 'node:assert/strict';
import { it } from 'node:test';
import { AgentCard, cardOf, profileOf } from './agent-card.ts';
import { AgentProfile } from './agent-profile.ts';
import { AGENT_CARDS_MAX, WorkerWord } from './fleet.ts';

const FULL = AgentProfile.parse({
  name: 'team/own',
  description: 'x'.repeat(1_000),
  model: 'm',
  instructions: 'Nobody is told.',
  pool: 'own',
  queue_timeout: 7,
  timeout: 8,
  deadline: 9,
  max_tokens: 10,
  truncation: 'auto',
  context_tokens: 4_096,
});
const WORD = {
  v: 1,
  worker: 'w',
  pool: 'own',
  slots: 1,
  busy: 0,
  draining: false,
  served: 0,
  startedAtMs: 1,
} as const;

it('says what a gateway needs to admit a request, and nothing of what the agent is told', () => {
  const card = cardOf(FULL, 'v1');
  assert.deepEqual(AgentCard.parse(JSON.parse(JSON.stringify(card))), card);
  assert.equal(card.description.length, 256);
  assert.equal(JSON.stringify(card).includes('Nobody'), false);
  const { name, pool, queue_timeout, timeout, deadline, max_tokens, truncation } = FULL;
  const admitted = profileOf(card, pool);
  const limits = { queue_timeout, timeout, deadline, max_tokens, truncation };
  const expected = AgentProfile.parse({ name, pool, ...limits, model: '*' });
  assert.deepEqual({ ...admitted, description: '' }, expected);
});

it('never costs the worker its word: a list that cannot be read is as if it were not there', () => {
  const card = cardOf(FULL);
  const many = Array.from({ length: AGENT_CARDS_MAX + 1 }, () => card);
  for (const agents of [5, [{ ...card, name: 'a b' }], [{ ...card, timeout: 0 }], many]) {
    const { data } = WorkerWord.safeParse({ ...WORD, agents });
    assert.deepEqual([data?.worker, data?.agents], ['w', undefined]);
  }
  const later = { ...WORD, agents: [{ ...card, later: true }] };
  assert.deepEqual(WorkerWord.parse(later).agents, [card]);
});
