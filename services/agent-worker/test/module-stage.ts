/** One run of a module against a scripted model, in this process. Tests only. */
import { defineAgent } from '@switchboard/agent';
import type { Agent } from '@switchboard/agent';
import { AgentProfile } from '@switchboard/contract';
import type { RunEvent, RunRequest } from '@switchboard/contract';
import { CodeAgentRunner } from '../src/code-agents/code-agent-runner.ts';
import type { Answer, ChatCall, ChatProvider } from '../src/runner/chat-provider.ts';
import type { Tool } from '../src/tools/tool.ts';

export const usage = (prompt: number, completion: number) => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: prompt + completion,
});
export const HELLO: RunEvent = { type: 'text.delta', text: 'hello' };
export const USED: RunEvent = { type: 'usage', usage: usage(2, 3) };
const END: RunEvent = { type: 'completed', finishReason: 'stop' };

/** Answers each call with the next script; the last one again and again. */
export class ScriptedProvider implements ChatProvider {
  readonly calls: ChatCall[] = [];
  closed = 0;
  readonly #scripts: (readonly (RunEvent | Error)[])[];

  constructor(...scripts: (readonly (RunEvent | Error)[])[]) {
    this.#scripts = scripts;
  }

  open(call: ChatCall): Promise<Answer> {
    const script = this.#scripts[Math.min(this.calls.length, this.#scripts.length - 1)] ?? [];
    const steps = [...script];
    this.calls.push(call);
    call.onSend?.();
    return Promise.resolve({
      read: (into: RunEvent[]) => {
        const step = steps.shift();
        if (step === undefined) return onAbort(call.signal);
        if (step instanceof Error) return Promise.reject(step);
        into.push(step);
        if (step === USED) return Promise.resolve(into.push(END) === 0);
        return Promise.resolve(step !== END);
      },
      close: () => {
        this.closed += 1;
      },
    });
  }
}

function onAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

const REQUEST: RunRequest = {
  v: 1,
  run: 'gate_0123456789abcdef012345',
  requestId: 'request-1',
  agent: 'poet',
  stream: true,
  queueTimeoutMs: 1_000,
  onDisconnect: 'cancel',
  resumeWindowMs: 0,
  chat: { messages: [{ role: 'user', content: 'hello' }], temperature: 0.5 },
};

interface Setting {
  readonly provider?: ChatProvider;
  readonly profile?: object;
  readonly tools?: readonly Tool[];
  readonly stopMs?: number;
}

/** Where the module runs, and what can be seen of it. */
export class ModuleStage {
  /** Stops the run, as the transport does. */
  readonly stop = new AbortController();
  readonly lines: { readonly message: string; readonly [field: string]: unknown }[] = [];
  /** What the run's account says at the end. */
  readonly over: object[] = [];

  start(run: Agent['run'], setting: Setting = {}): AsyncGenerator<RunEvent, void> {
    const { provider = new ScriptedProvider([HELLO, USED]), tools = [], stopMs = 5_000 } = setting;
    const agent = defineAgent({ name: 'poet', run });
    const fields = { name: 'poet', code: true, model: 'm', max_retries: 0, ...setting.profile };
    const profile = AgentProfile.parse(fields);
    const write = (entry: object, message: string): void =>
      void this.lines.push({ ...entry, message });
    const log = { debug: write, info: write, warn: write, error: write };
    const runner = new CodeAgentRunner({
      find: (name) => (name === 'poet' ? { agent, profile } : undefined),
      provider,
      tools: { toolsFor: () => ({ tools, problems: [] }) },
      log,
      stopMs,
    });
    const runnerLog = { ...log, info: (entry: object) => void this.over.push(entry) };
    const context = { run: REQUEST.run, requestId: 'request-1', attempt: 1, log: runnerLog };
    return runner.run(REQUEST, { ...context, signal: this.stop.signal });
  }
}

export async function collect(run: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

/** The text that a run shows, one entry for each event. */
export async function textsOf(run: AsyncIterable<RunEvent>): Promise<string[]> {
  const events = await collect(run);
  return events.flatMap((event) => (event.type === 'text.delta' ? [event.text] : []));
}
