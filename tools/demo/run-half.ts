import { setTimeout as delay } from 'node:timers/promises';

import type { Half } from './plan.ts';
import type { Output } from './progress.ts';
import { Progress } from './progress.ts';
import type { UserProgress } from './progress-view.ts';
import type { SimulatorClient } from './simulator.ts';
import type { UserResult, Users } from './users.ts';
import { requestIdOf } from './users.ts';

export interface HalfResult {
  readonly users: readonly UserResult[];
  /** Until the last user had the whole answer. */
  readonly totalSeconds: number;
  /** Most chats the model had at once. */
  readonly maxRunning: number;
}

export interface HalfParts {
  readonly users: Users;
  readonly simulator: SimulatorClient;
  readonly userCount: number;
  readonly thinkSeconds: number;
  readonly output: Output;
}

const REDRAW_MS = 100;
/** On top of twice the ideal time, for a machine that is busy. */
const SLACK_MS = 60_000;

/** Sends all chats at once and shows where they are until each has ended. */
export async function runHalf(half: Half, parts: HalfParts): Promise<HalfResult> {
  const { output, simulator, thinkSeconds, userCount } = parts;
  await simulator.reset();
  const board = new Board(userCount);
  const progress = new Progress(output, thinkSeconds);
  const ended = new AbortController();
  const plan = {
    model: `sim/think=${thinkSeconds}s,tokens=20,pace=0`,
    timeoutMs: half.idealSeconds * 2_000 + SLACK_MS,
  };
  const chats = parts.users.chatAtOnce(userCount, plan, (result) => board.end(result));
  const watch = watchBoard(board, simulator, progress, ended.signal);
  const users = await chats;
  ended.abort();
  await watch;
  board.read(await simulator.runs());
  progress.show(board.users(), board.nowSeconds());
  const totalSeconds = Math.max(...users.map((user) => user.seconds));
  return { users, totalSeconds, maxRunning: await simulator.maxRunning() };
}

async function watchBoard(
  board: Board,
  simulator: SimulatorClient,
  progress: Progress,
  ended: AbortSignal,
): Promise<void> {
  while (!ended.aborted) {
    try {
      board.read(await simulator.runs());
      progress.show(board.users(), board.nowSeconds());
      await delay(REDRAW_MS, undefined, { signal: ended });
    } catch {
      // Ended, or a look at the simulator failed: the picture stays as it is, the chats go on.
      if (!ended.aborted) await delay(REDRAW_MS);
    }
  }
}

/** Where every chat is, from the users' side (answered) and the model's (started). */
class Board {
  readonly #users: UserProgress[];
  readonly #startedAtMs = performance.now();

  constructor(count: number) {
    this.#users = Array.from({ length: count }, (_, index) => ({ user: index + 1 }));
  }

  nowSeconds(): number {
    return (performance.now() - this.#startedAtMs) / 1_000;
  }

  users(): readonly UserProgress[] {
    return [...this.#users];
  }

  end({ failure, seconds, user }: UserResult): void {
    this.#change(user, { doneAfterSeconds: seconds, failed: failure !== undefined });
  }

  /** Takes from the simulator's log which chats the model has got. */
  read(runs: readonly { readonly request: string; readonly startedAtMs: number }[]): void {
    const startedAtMs = new Map(runs.map((run) => [run.request, run.startedAtMs]));
    for (const { startedAfterSeconds, user } of this.users()) {
      const atMs = startedAtMs.get(requestIdOf(user));
      if (atMs === undefined || startedAfterSeconds !== undefined) continue;
      const sinceStartMs = atMs - performance.timeOrigin - this.#startedAtMs;
      this.#change(user, { startedAfterSeconds: Math.max(0, sinceStartMs / 1_000) });
    }
  }

  #change(user: number, changed: Partial<UserProgress>): void {
    this.#users[user - 1] = { user, ...this.#users[user - 1], ...changed };
  }
}
