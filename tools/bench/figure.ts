import type { BenchStack, StackShape } from './bench-stack.ts';
import type { BenchOptions } from './options.ts';
import type { Row } from './row.ts';

/** One thing that is measured, on a stack of its own. */
export interface Figure {
  readonly name: string;
  /** For the help text. */
  readonly about: string;
  readonly shape: StackShape;
  /** Left out with --quick. */
  readonly slow?: boolean;
  /** Throws when it cannot be measured, for example because a request failed. */
  run(stack: BenchStack, options: BenchOptions): Promise<readonly Row[]>;
}
