import assert from 'node:assert/strict';
import { it } from 'node:test';
import { AgentProfile } from '@switchboard/contract';
import { agentOf } from './agent.ts';
import { KnownAgents } from './known-agents.ts';

const profiles = (pool: string, ...names: readonly string[]): AgentProfile[] =>
  names.map((name) => AgentProfile.parse({ name, model: 'm', pool }));

it('has the agents of the file and the announced ones; of one name the one of the file', () => {
  const file = profiles('file', 'a', 'b', 'sim/*');
  const known = new KnownAgents(
    () => file,
    () => profiles('code', 'b', 'c', 'sim/own'),
  );
  const pools = known.profiles.map(({ name, pool }) => `${name} ${pool}`);
  assert.deepEqual(pools, ['a file', 'b file', 'sim/* file', 'c code', 'sim/own code']);
  assert.equal(agentOf(known.profiles, 'sim/own').profile.pool, 'code', 'exact before a pattern');
  assert.equal(agentOf(known.profiles, 'sim/other').profile.pool, 'file');
});

it('follows both, and is the same while neither changes', () => {
  const shown = { file: profiles('file', 'a'), announced: profiles('code') };
  const known = new KnownAgents(
    () => shown.file,
    () => shown.announced,
  );
  const before = known.profiles;
  assert.equal(known.profiles, before);
  shown.announced = profiles('code', 'c');
  assert.deepEqual(
    known.profiles.map(({ name }) => name),
    ['a', 'c'],
  );
  shown.file = profiles('file', 'b');
  assert.deepEqual(
    known.profiles.map(({ name }) => name),
    ['b', 'c'],
  );
});
