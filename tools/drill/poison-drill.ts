/** Requests that end their workers, each in its way, beside innocent ones, in one pool. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createWriteStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { askJetStream, type Stack, startStack } from '@switchboard/stack';
import { seededRandom, until } from '@switchboard/testkit';

import type { DrillOptions } from './options.ts';
import {
  backAfterMs,
  DEADLY,
  type JournalEntry,
  type PoisonCall,
  type PoisonStory,
  problemsOf,
  retried,
  type WorkerLoss,
} from './poison-judge.ts';
import type { DrillResult, Say } from './result.ts';

const AGENTS = fileURLToPath(new URL('poison-agents', import.meta.url));
const WORKERS = 2;
const POOL_SIZE = 4;
/** A small heap is exhausted soon. */
const HEAP_MIB = 128;
const INNOCENTS = ['quiet', 'talking', 'quiet', 'careless'];
const EVERY_MS = 700;
const ANSWER_WITHIN_MS = 280_000;
const PATIENCE_MS = 60_000;

export async function poisonDrill(options: DrillOptions, say: Say): Promise<DrillResult> {
  const folder = mkdtempSync(join(tmpdir(), 'switchboard-poison-'));
  const journal = join(folder, 'journal');
  writeFileSync(journal, '');
  const workers = new WorkerWatch(say, options.log);
  const stack = await startStack({
    workers: WORKERS,
    poolSize: POOL_SIZE,
    restartWorkers: true,
    workerArguments: [`--max-old-space-size=${HEAP_MIB}`],
    workerEnv: { AGENTS_DIR: AGENTS, AGENT_JOURNAL: journal, ALLOW_SHORT_DRAIN: 'true' },
    onLine: (name, line) => workers.read(name, line),
    onWorkerEnded: (name, how) => workers.ended(name, how),
  });
  try {
    const calls = await sendAll(stack.url, options, say);
    await until(() => workers.losses.every(({ backAtMs }) => backAtMs !== undefined), {
      what: 'every worker to be back',
      timeoutMs: PATIENCE_MS,
    });
    const entries = readFileSync(journal, 'utf8').trimEnd().split('\n');
    return judge(options.seed, {
      calls,
      journal: entries.map((line) => JSON.parse(line) as JournalEntry),
      losses: workers.losses,
      deadLetters: await deadLettersOf(stack),
    });
  } finally {
    await stack.stop();
    rmSync(folder, { recursive: true });
  }
}

/** Poisons among the first, and innocents for as long as the drill takes. */
async function sendAll(url: string, options: DrillOptions, say: Say): Promise<PoisonCall[]> {
  const random = seededRandom(options.seed);
  const poisons = [...DEADLY, 'poison/heedless'];
  const first = random.shuffle([...poisons, ...INNOCENTS, ...INNOCENTS]);
  const asked = first.map((agent, place) => ask(url, agent, place));
  const untilMs = Date.now() + options.seconds * 1_000;
  for (let place = first.length; Date.now() < untilMs; place += 1) {
    await delay(EVERY_MS);
    asked.push(ask(url, random.pick(INNOCENTS), place));
  }
  say(`${asked.length} requests were sent; waiting for the last answers`);
  return await Promise.all(asked);
}

async function ask(url: string, agent: string, place: number): Promise<PoisonCall> {
  const id = `${agent.replace('/', '-')}-${place}`;
  try {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': id },
      body: JSON.stringify({ model: agent, messages: [{ role: 'user', content: 'hello' }] }),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    const { error } = (await response.json()) as { error?: { code?: string } };
    return { id, agent, status: response.status, code: error?.code };
  } catch (error) {
    return { id, agent, status: 0, code: String(error) };
  }
}

/** Which worker process is where, and when it ended and was replaced. */
class WorkerWatch {
  readonly losses: (WorkerLoss & { backAtMs: number | undefined })[] = [];
  readonly #pids = new Map<string, number>();
  readonly #open = new Map<string, WorkerLoss & { backAtMs: number | undefined }>();
  readonly #say: Say;
  readonly #log: NodeJS.WritableStream | undefined;

  constructor(say: Say, log: string | undefined) {
    this.#say = say;
    this.#log = log === undefined ? undefined : createWriteStream(log);
  }

  read(name: string, line: string): void {
    this.#log?.write(`${name} ${line}\n`);
    if (!name.startsWith('worker') || !line.includes('"msg":"ready"')) return;
    this.#pids.set(name, (JSON.parse(line) as { pid: number }).pid);
    const loss = this.#open.get(name);
    this.#open.delete(name);
    if (loss !== undefined) loss.backAtMs = Date.now();
  }

  ended(name: string, how: string): void {
    this.#say(`  ${name} ended: ${how}`);
    const loss = { pid: this.#pids.get(name) ?? 0, how, atMs: Date.now(), backAtMs: undefined };
    this.losses.push(loss);
    this.#open.set(name, loss);
  }
}

async function deadLettersOf({ nats }: Stack): Promise<number> {
  const credentials = nats.access?.operator;
  const info = await askJetStream(nats.port, 'STREAM.INFO.DEAD_LETTERS', {}, { credentials });
  return info.state?.messages ?? 0;
}

function judge(seed: number, story: PoisonStory): DrillResult {
  const { calls, losses } = story;
  const ends = new Map<string, number>();
  for (const { agent, code, status } of calls) {
    const end = `${agent} ${code ?? status}`;
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  const figures = {
    requests: calls.length,
    ends: [...ends].map(([end, count]) => `${end} ${count}`).join(', '),
    'workers lost': `${losses.length} (${losses.map(({ how }) => how).join(', ')})`,
    'back after ms, at most': Math.max(0, ...backAfterMs(story)),
    'innocents begun again': retried(story),
    'dead letters': story.deadLetters,
  };
  return { seed, figures, violations: problemsOf(story) };
}
