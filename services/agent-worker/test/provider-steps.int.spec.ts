/** Steps of an agent with tools of its own, whoever answers each of them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { partsOf, stepsOf, toolOf } from './own-tools.ts';
import { startProviderRig, textIn } from './provider-rig.ts';
import type { Ask, ProviderRig } from './provider-rig.ts';

let rig: ProviderRig;
before(async () => {
  rig = await startProviderRig();
});
after(() => rig.close());

const PARTS = partsOf([toolOf('ping', () => Promise.resolve('pong'))]);
const TOOLS = { tools: ['ping'], max_steps: 4 };
/** Calls the tool, and says what it was asked when that has answered. */
const STEPS = 'tool=ping,args={},text=echo';
const EXPECTED = ['tool.started', 'tool.result', 'completed'];

for (const api of ['chat_completions', 'responses'] as const) {
  describe(`tools of an agent over ${api}`, () => {
    const ask = (more: Partial<Ask>): Ask => ({ script: STEPS, parts: PARTS, ...more });

    for (const stream of [true, false]) {
      test(`are called and answered, ${stream ? 'streamed' : 'in one piece'}`, async () => {
        const one = ask({ fields: TOOLS, stream });
        const { calls, code, events, used } = await rig.outcome(rig.providers({ api }), one);
        assert.deepEqual([code, calls], ['completed', { a: 2, b: 0 }]);
        assert.deepEqual(
          stepsOf(events).filter((type) => type !== 'usage'),
          EXPECTED,
        );
        assert.equal(textIn(events), 'hello');
        // One piece of arguments, and one word.
        assert.deepEqual([used?.completion, used?.estimated], [2, false]);
      });
    }

    test('are called once, when another provider answers each step', async () => {
      const fields = { ...TOOLS, fallback: [{ provider: 'b', model: STEPS }] };
      const helped = ask({ script: 'error=503', fields });
      const { calls, code, events, used } = await rig.outcome(rig.providers({ api }), helped);
      assert.deepEqual([code, calls], ['completed', { a: 2, b: 2 }]);
      assert.deepEqual(
        stepsOf(events).filter((type) => type !== 'usage'),
        EXPECTED,
      );
      assert.deepEqual([textIn(events), used?.completion], ['hello', 2]);
    });

    test('have cost what was seen of a call that breaks off, and are not called then', async () => {
      const fields = { ...TOOLS, fallback: [{ provider: 'b', model: STEPS }] };
      const script = `${STEPS},cut=1`;
      const cut = ask({ script, fields });
      const { code, events, used } = await rig.outcome(rig.providers({ api }), cut);
      assert.equal(code, 'provider_stream_cut');
      assert.ok(!stepsOf(events).includes('tool.started'));
      // Its name and its arguments had come.
      assert.deepEqual([used?.completion, used?.estimated], [2, true]);
    });
  });
}
