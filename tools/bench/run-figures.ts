import { BenchStack } from './bench-stack.ts';
import type { Figure } from './figure.ts';
import { MachineLoad } from './machine-load.ts';
import type { BenchOptions } from './options.ts';
import { failed, unbound } from './row.ts';
import type { Row } from './row.ts';

export interface FigureResult {
  readonly figure: string;
  readonly rows: readonly Row[];
  /** CPU that the rest of the machine took meanwhile, in cores; NaN when it is not known. */
  readonly othersCores: number;
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
    results.push(await measure(figure, run));
  }
  return results;
}

async function measure(figure: Figure, run: RunOptions): Promise<FigureResult> {
  const load = new MachineLoad();
  let stack: BenchStack | undefined;
  try {
    const { options, nodeOptions } = run;
    stack = await BenchStack.start(figure.shape, { replicas: options.replicas, nodeOptions });
    const measured = await stack.whileRunning(figure.run(stack, options));
    const rows = options.replicas === 1 ? measured : measured.map(unbound);
    return { figure: figure.name, rows, othersCores: load.othersCores(await stack.usageOfAll()) };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    run.say(`  failed: ${problem}`);
    const rows: readonly Row[] = [failed(figure.name, problem.split('\n')[0] ?? problem)];
    return { figure: figure.name, rows, othersCores: NaN };
  } finally {
    await stack?.stop();
  }
}
