import * as os from 'node:os';

import { BenchStack } from './bench-stack.ts';
import type { Figure } from './figure.ts';
import type { BenchOptions } from './options.ts';
import { failed } from './row.ts';
import type { Row } from './row.ts';

export interface FigureResult {
  readonly figure: string;
  readonly rows: readonly Row[];
  /** Of the last minute, before it began. */
  readonly loadAverage: number;
}

export interface RunOptions {
  readonly options: BenchOptions;
  /** For Node in gateways and workers. */
  readonly nodeOptions: string | undefined;
  readonly say: (line: string) => void;
}

/** Measures one figure after the other. One that fails is a missed bound, and the rest go on. */
export async function runFigures(
  figures: readonly Figure[],
  run: RunOptions,
): Promise<readonly FigureResult[]> {
  const results: FigureResult[] = [];
  for (const figure of figures) {
    run.say(`${figure.name}: ${figure.about} …`);
    const loadAverage = Number((os.loadavg()[0] ?? NaN).toFixed(2));
    results.push({ figure: figure.name, rows: await measure(figure, run), loadAverage });
  }
  return results;
}

async function measure(figure: Figure, run: RunOptions): Promise<readonly Row[]> {
  let stack: BenchStack | undefined;
  try {
    stack = await BenchStack.start(figure.shape, run.nodeOptions);
    return await stack.whileRunning(figure.run(stack, run.options));
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    run.say(`  failed: ${problem}`);
    return [failed(figure.name, problem.split('\n')[0] ?? problem)];
  } finally {
    await stack?.stop();
  }
}
