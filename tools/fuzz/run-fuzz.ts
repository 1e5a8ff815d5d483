import type { Say } from '@switchboard/command-line';
import { seededRandom } from '@switchboard/testkit';
import type { BodySchemas } from './bodies.ts';
import { judge } from './judge.ts';
import type { FuzzOptions } from './options.ts';
import { hostileRequest } from './requests.ts';
import type { HostileRequest } from './requests.ts';
import type { Schema } from './schema-sample.ts';
import { send } from './send.ts';
import { FuzzTarget } from './target.ts';

export interface FuzzResult {
  readonly seed: number;
  readonly requests: number;
  /** How often each answer came. */
  readonly answers: Readonly<Record<string, number>>;
  readonly figures: Readonly<Record<string, number | string>>;
  readonly problems: readonly string[];
}

/**
 * What the gateway's memory may grow by from the tenth part of the requests to the last, after all
 * is over: what V8 keeps after very different loads differs by as much.
 */
const GROWTH_MAX_BYTES = 64 * 1_024 * 1_024;
const MIB = 1_024 * 1_024;
const PROBLEMS_MAX = 50;
const SHOWN_MAX = 600;

interface Tally {
  readonly answers: Map<string, number>;
  readonly problems: string[];
  readonly durationsMs: number[];
}

export async function runFuzz(options: FuzzOptions, say: Say): Promise<FuzzResult> {
  const { at, requests, seed } = options;
  say('starting nats-server, simulator, worker and gateway');
  const target = await FuzzTarget.start();
  try {
    const schemas = await readSchemas(target.url);
    const random = seededRandom(seed);
    const tally: Tally = { answers: new Map(), problems: [], durationsMs: [] };
    const startedAtMs = performance.now();
    const warm = Math.ceil(requests / 10);
    const shoot = async (from: number, to: number): Promise<void> => {
      let next = from;
      const loops = Array.from({ length: at }, async () => {
        for (let index = next++; index < to; index = next++) {
          await one(target.port, index, hostileRequest(random, schemas), tally);
          if (index % 1_000 === 999) {
            const mebibytes = Math.round((await target.residentBytes()) / MIB);
            const problems = `${tally.problems.length} problems`;
            say(`${index + 1} requests, ${problems}, gateway memory ${mebibytes} MiB`);
          }
        }
      });
      await Promise.all(loops);
    };
    await shoot(0, warm);
    const before = await target.residentBytes();
    await shoot(warm, requests);
    const seconds = (performance.now() - startedAtMs) / 1_000;
    tally.problems.push(...(await target.leftovers()));
    const after = await target.residentBytes();
    if (after - before > GROWTH_MAX_BYTES) {
      tally.problems.push(`the gateway grew from ${before / MIB} MiB to ${after / MIB} MiB`);
    }
    const durations = tally.durationsMs.toSorted((a, b) => a - b);
    return {
      seed,
      requests,
      answers: Object.fromEntries([...tally.answers].toSorted(([, a], [, b]) => b - a)),
      figures: {
        seconds: Math.round(seconds),
        'slowest end, ms': Math.round(durations.at(-1) ?? 0),
        'gateway memory at a tenth, MiB': Math.round(before / MIB),
        'gateway memory at the end, MiB': Math.round(after / MIB),
      },
      problems: tally.problems,
    };
  } finally {
    await target.stop();
  }
}

async function one(
  port: number,
  index: number,
  request: HostileRequest,
  { answers, durationsMs, problems }: Tally,
): Promise<void> {
  const reply = await send(port, request);
  const { label, problem } = judge(reply);
  const row = `${request.kind.padEnd(5)} ${label}`;
  answers.set(row, (answers.get(row) ?? 0) + 1);
  durationsMs.push(reply.durationMs);
  if (problem === undefined || problems.length >= PROBLEMS_MAX) return;
  const sent = JSON.stringify(request.bytes.toString('latin1')).slice(0, SHOWN_MAX);
  const got = JSON.stringify(reply.text).slice(0, SHOWN_MAX);
  problems.push(`request ${index}: ${problem}\n  sent ${sent}\n  got ${got}`);
}

async function readSchemas(url: string): Promise<BodySchemas> {
  const response = await fetch(`${url}/docs/json`);
  const document = (await response.json()) as { components: { schemas: Record<string, Schema> } };
  const { schemas } = document.components;
  const { ChatCompletionRequest: chat, CreateResponseRequest: body } = schemas;
  if (chat === undefined || body === undefined) throw new Error('the document has no bodies');
  return { chat, response: body, all: schemas };
}

export function table({ answers, figures }: FuzzResult): string {
  const rows = [...Object.entries(figures), ...Object.entries(answers)];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join('\n');
}
