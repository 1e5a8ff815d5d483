import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AgentProfile, findProfile } from './agent-profile.ts';

const profile = (name: string) => AgentProfile.parse({ name, model: 'm' });

describe('agent profiles', () => {
  it('are found by their name, and by a prefix where they are a wildcard', () => {
    const profiles = [profile('assistant'), profile('sim/*'), profile('sim/fixed')];
    assert.equal(findProfile(profiles, 'assistant')?.profile.name, 'assistant');
    assert.deepEqual(findProfile(profiles, 'sim/think=2s'), {
      profile: profiles[1],
      rest: 'think=2s',
    });
    assert.equal(findProfile(profiles, 'sim/fixed')?.profile.name, 'sim/fixed');
  });

  it('are not found by half a name, an empty rest, or the wildcard itself', () => {
    const profiles = [profile('assistant'), profile('sim/*')];
    for (const name of ['assist', 'assistant2', 'sim', 'sim/', '', '*']) {
      assert.equal(findProfile(profiles, name), undefined, name);
    }
  });

  it('need a model, unless the agent is one in code', () => {
    assert.equal(AgentProfile.parse({ name: 'a', code: true }).model, '');
    assert.equal(AgentProfile.parse({ name: 'a', code: true, model: 'm' }).model, 'm');
    const { error } = AgentProfile.safeParse({ name: 'a', timeout: 0 });
    const places = error?.issues.map(({ path }) => path.join('.')).toSorted();
    assert.deepEqual(places, ['model', 'timeout'], 'both problems come together');
    assert.equal(AgentProfile.safeParse(undefined).success, false);
  });

  it('refuse unknown fields, bad names and pools that no subject can hold', () => {
    for (const bad of [
      { name: 'a', model: 'm', modle: 'x' },
      { name: 'a b', model: 'm' },
      { name: '', model: 'm' },
      { name: 'a', model: '' },
      { name: 'a', model: 'm', pool: 'a.b' },
      { name: 'a', model: 'm', timeout: 0 },
      { name: 'a', model: 'm', max_retries: 11 },
    ]) {
      assert.equal(AgentProfile.safeParse(bad).success, false, JSON.stringify(bad));
    }
  });
});
