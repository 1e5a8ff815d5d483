import assert from 'node:assert/strict';
import { it } from 'node:test';
import { AgentProfile } from '@switchboard/contract';
import { ModelCatalogue } from './model-catalogue.ts';

const profiles = ['assistant', 'sim/*'].map((name) => AgentProfile.parse({ name, model: 'm' }));
const catalogue = new ModelCatalogue(() => profiles, 1_700_000_000_999);

it('lists agents as models, wildcards as they are', () => {
  assert.deepEqual(catalogue.list(), {
    object: 'list',
    data: [
      { id: 'assistant', object: 'model', created: 1_700_000_000, owned_by: 'switchboard' },
      { id: 'sim/*', object: 'model', created: 1_700_000_000, owned_by: 'switchboard' },
    ],
  });
});

it('finds what a chat request could name, and nothing else', () => {
  for (const id of ['assistant', 'sim/think=2s', 'sim/*']) assert.equal(catalogue.get(id).id, id);
  for (const id of ['', 'sim/', 'other']) {
    assert.throws(() => catalogue.get(id), { code: 'model_not_found', param: 'model' });
  }
});
