import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineAgent, isAgent } from './agent.ts';
import { AgentError, ToolError, isAgentError, isToolError } from './errors.ts';

async function* run() {
  yield 'hello';
}

test('a definition without a name or a run is refused, and says which', () => {
  // Modules need not be typed.
  const untyped = (value: object) => value as Parameters<typeof defineAgent>[0];
  assert.throws(() => defineAgent(untyped({ run })), /defineAgent: `name` must be/);
  assert.throws(() => defineAgent(untyped({ name: 'a' })), /defineAgent: a: `run` must be/);
});

test('only what defineAgent gave is an agent, and it does not change any more', () => {
  const definition = { name: 'a', run };
  const agent = defineAgent(definition);
  assert.equal(isAgent(agent), true);
  assert.equal(isAgent(definition), false);
  assert.equal(isAgent({ ...agent }), false);
  assert.throws(() => Object.assign(agent, { name: 'b' }), TypeError);
});

test('errors of another copy of the package are known by their mark, others are not', () => {
  const foreign = Object.defineProperty(new Error('x'), Symbol.for('switchboard.agent-error'), {
    value: 1,
  });
  assert.equal(isAgentError(foreign), true);
  assert.equal(isAgentError(new AgentError('x')), true);
  assert.equal(isToolError(new ToolError('x')), true);
  assert.equal(isAgentError(new ToolError('x')), false);
  assert.equal(isAgentError(new Error('x')), false);
});

test('an AgentError says how callers are to take it', () => {
  const plain = new AgentError('No.');
  assert.deepEqual([plain.code, plain.message, plain.cause], ['agent_failed', 'No.', undefined]);
  const cause = new Error('inner');
  const later = new AgentError('Later.', { code: 'agent_unavailable', retryAfter: 5, cause });
  assert.deepEqual([later.code, later.retryAfter, later.cause], ['agent_unavailable', 5, cause]);
});
