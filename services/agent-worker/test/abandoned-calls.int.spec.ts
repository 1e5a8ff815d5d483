/** What modules leave open when their runs end, against a real endpoint with few places. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Agent } from '@switchboard/agent';
import { startSimulator } from '@switchboard/llm-simulator';
import { deferred, until } from '@switchboard/testkit';
import { Providers } from '../src/llm/providers.ts';
import { ModuleStage, collect, textsOf } from './module-stage.ts';

const LONG = 'sim/tokens=1000,pace=20ms';
const REASON = new Error('the caller left');

let simulator: Awaited<ReturnType<typeof startSimulator>>;
let provider: Providers;
let stage: ModuleStage;

beforeEach(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0 });
  const place = { name: 'default', baseUrl: `${simulator.url}/v1`, apiKey: undefined };
  provider = new Providers([{ ...place, connections: 2, prices: {} }], { warn: () => {} });
  stage = new ModuleStage();
});

afterEach(async () => {
  await provider.close();
  await simulator.close();
});

const running = (): number | undefined => provider.states[0]?.running;

const answersAll = async (): Promise<void> => {
  const ask: Agent['run'] = ({ messages }, { model }) =>
    model.stream({ messages, model: 'sim/tokens=2' });
  const events = await collect(new ModuleStage().start(ask, { provider }));
  assert.equal(events.at(-1)?.type, 'completed');
};

test('modules that are left behind in their streams leave their places to others', async () => {
  const never = deferred();
  const hangs: Agent['run'] = async function* ({ messages }, { model }) {
    for await (const event of model.stream({ messages, model: LONG })) {
      yield event;
      await never.promise;
    }
  };
  const runs = [0, 1].map(() => stage.start(hangs, { provider, stopMs: 20 }));
  await Promise.all(runs.map((run) => run.next()));
  assert.equal(running(), 2);
  const ends = runs.map((run) => assert.rejects(run.next(), REASON));
  stage.stop.abort(REASON);
  assert.equal(running(), 0);
  await Promise.all(ends);
  await answersAll();
  never.resolve();
});

test('answers that nobody read leave their places when the run ends by itself', async () => {
  const run = stage.start(
    async function* ({ messages }, { model }) {
      await model.stream({ messages, model: LONG }).next();
      const init = {
        method: 'POST',
        body: JSON.stringify({ messages, model: LONG, stream: true }),
      };
      await model.fetch('http://any/v1/chat/completions', init);
      yield `${running()} running`;
    },
    { provider },
  );
  assert.deepEqual(await textsOf(run), ['2 running']);
  assert.equal(running(), 0);
  await answersAll();
});

test('a call that waits for its answer, or for a place, is cut off with its run', async () => {
  const run = stage.start(
    async function* ({ messages }, { model }) {
      const call = { messages, model: 'sim/think=100s' };
      yield 'a';
      await Promise.all([0, 1, 2].map(() => model.complete(call)));
    },
    { provider },
  );
  await run.next();
  const end = assert.rejects(run.next(), REASON);
  await until(() => provider.states[0]?.waiting === 1, { what: 'one to wait for the others' });
  stage.stop.abort(REASON);
  await end;
  await until(() => running() === 0, { what: 'the places to be free' });
  assert.equal(provider.states[0]?.waiting, 0);
  assert.deepEqual(stage.lines, [], 'nothing is left behind');
  await answersAll();
});
