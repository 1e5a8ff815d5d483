/** What a run sees of profiles and providers that change while it goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentProfile } from '@switchboard/contract';
import type { RunEvent, RunRequest, TurnMessage } from '@switchboard/contract';
import { OWN_TOOLS } from '../tools/tool.ts';
import type { Tool } from '../tools/tool.ts';
import { AgentRunner } from './agent-runner.ts';
import type { ProfileSource } from './agent-runner.ts';
import type { Answer, ChatCall, ChatProvider, ProviderLease } from './chat-provider.ts';

const TOKEN: RunEvent = { type: 'text.delta', text: 'hello' };
const END: RunEvent = { type: 'completed', finishReason: 'stop' };

class LeasedProvider implements ChatProvider {
  readonly calls: ChatCall[] = [];
  leases = 0;
  released = 0;
  #answer: () => RunEvent[] = () => [TOKEN, END];

  /** What the next call is answered. */
  answers(answer: () => RunEvent[]): void {
    this.#answer = answer;
  }

  open(): Promise<Answer> {
    throw new Error('called without a lease');
  }

  lease(): ProviderLease {
    this.leases += 1;
    const release = (): void => void (this.released += 1);
    return { open: async (call) => await this.#open(call), release };
  }

  #open(call: ChatCall): Promise<Answer> {
    this.calls.push(call);
    const steps = this.#answer();
    return Promise.resolve({
      read: (into: RunEvent[]) => {
        const step = steps.shift() ?? END;
        into.push(step);
        return Promise.resolve(step.type !== 'completed');
      },
      close: () => {},
    });
  }
}

const REQUEST: RunRequest = {
  v: 1,
  run: 'gate_0123456789abcdef012345',
  requestId: 'request-1',
  agent: 'assistant',
  stream: true,
  queueTimeoutMs: 1_000,
  onDisconnect: 'cancel',
  resumeWindowMs: 0,
  chat: { messages: [{ role: 'user', content: 'hello' }] },
};

function agentsOf(version: string, fields: object, name = 'assistant'): ProfileSource['current'] {
  return { version, agents: [AgentProfile.parse({ name, model: 'm', max_retries: 0, ...fields })] };
}

function start(runner: AgentRunner, lines: object[], request: Partial<RunRequest> = {}) {
  const log = { warn: () => {}, info: (fields: object) => void lines.push(fields) };
  const signal = new AbortController().signal;
  const context = { run: REQUEST.run, requestId: 'request-1', attempt: 1, log, signal };
  return runner.run({ ...REQUEST, ...request }, context);
}

async function collect(run: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

test('a run keeps the profile it began with, and says which version that was', async () => {
  const provider = new LeasedProvider();
  const source = { current: agentsOf('v1', { model: 'old' }) };
  const runner = new AgentRunner(source, provider);
  const lines: object[] = [];
  const running = start(runner, lines);
  await running.next();
  source.current = agentsOf('v2', { model: 'new' });
  await collect(running);
  await collect(start(runner, lines));
  assert.deepEqual(
    provider.calls.map(({ body }) => body.model),
    ['old', 'new'],
  );
  assert.deepEqual(
    lines.map((line) => 'agentsVersion' in line && line.agentsVersion),
    ['v1', 'v2'],
  );
});

test('a run of an agent that was removed meanwhile fails as model_not_found', async () => {
  const source = { current: agentsOf('v1', {}) };
  const runner = new AgentRunner(source, new LeasedProvider());
  source.current = agentsOf('v2', {}, 'other');
  await assert.rejects(collect(start(runner, [])), { code: 'model_not_found' });
});

test('a lease of the providers is given back once, however the run ends', async () => {
  const provider = new LeasedProvider();
  const runner = new AgentRunner({ current: agentsOf('v1', {}) }, provider);
  await collect(start(runner, []));
  provider.answers(() => {
    throw new Error('broken');
  });
  await assert.rejects(collect(start(runner, [])));
  provider.answers(() => [TOKEN, END]);
  const left = start(runner, []);
  await left.next();
  await left.return();
  assert.deepEqual([provider.leases, provider.released], [3, 3]);
});

const LONG = Array.from({ length: 400 }, (_, word) => `w${word}`).join(' ');
const CONVERSATION = [
  { role: 'user', content: LONG },
  { role: 'assistant', content: 'b' },
  { role: 'user', content: 'c' },
];

test('a conversation is made to fit when the agent says so, or the caller', async () => {
  const small = { context_tokens: 512, max_tokens: 64 };
  const cases: readonly (readonly [agent: object, wish: RunRequest['truncation'], sent: number])[] =
    [
      [small, undefined, 3],
      [{ ...small, truncation: 'auto' }, undefined, 1],
      [small, 'auto', 1],
      [{ ...small, truncation: 'auto' }, 'disabled', 3],
      [{}, 'auto', 3],
    ];
  for (const [agent, truncation, sent] of cases) {
    const provider = new LeasedProvider();
    const runner = new AgentRunner({ current: agentsOf('v1', agent) }, provider);
    const chat = { messages: CONVERSATION };
    await collect(start(runner, [], truncation === undefined ? { chat } : { chat, truncation }));
    assert.equal(
      provider.calls[0]?.body.messages.length,
      sent,
      JSON.stringify([agent, truncation]),
    );
  }
});

test('what cannot be made to fit fails before the model is called, and the lease is over', async () => {
  const provider = new LeasedProvider();
  const agent = { context_tokens: 512, truncation: 'auto' };
  const runner = new AgentRunner({ current: agentsOf('v1', agent) }, provider);
  const lines: object[] = [];
  const chat = { messages: [{ role: 'user', content: LONG }] };
  await assert.rejects(collect(start(runner, lines, { chat })), {
    code: 'context_length_exceeded',
  });
  assert.deepEqual([provider.calls.length, provider.released], [0, 1]);
  assert.match(JSON.stringify(lines), /"outcome":"context_length_exceeded"/);
});

test('what tools give makes a conversation longer: it is made to fit before each step', async () => {
  const provider = new LeasedProvider();
  const call = {
    type: 'tool.call',
    index: 0,
    id: 'call_1',
    name: 'look',
    arguments: '{}',
  } as const;
  const answers: RunEvent[][] = [
    [call, { type: 'completed', finishReason: 'tool_calls' }],
    [TOKEN, END],
  ];
  provider.answers(() => answers.shift() ?? [END]);
  const tool: Tool = {
    name: 'look',
    description: 'Looks.',
    parameters: { type: 'object' },
    source: OWN_TOOLS,
    sideEffects: false,
    run: () => Promise.resolve(LONG),
  };
  const tools = { toolsFor: () => ({ tools: [tool], problems: [] }) };
  const agent = { context_tokens: 1_536, max_tokens: 64, truncation: 'auto' };
  const agents = { current: agentsOf('v1', agent) };
  const runner = new AgentRunner(agents, provider, Math.random, { tools });
  await collect(start(runner, [], { chat: { messages: CONVERSATION } }));
  assert.deepEqual(
    provider.calls.map(({ body }) => body.messages.map((each) => (each as TurnMessage).role)),
    [
      ['user', 'assistant', 'user'],
      // The question, the call and its result; what was asked before has gone.
      ['user', 'assistant', 'tool'],
    ],
  );
});
