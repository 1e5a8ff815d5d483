import type { Figure } from '../figure.ts';
import { ACCOUNTS } from './accounts.ts';
import { BOUND } from './bound.ts';
import { FAIRNESS, FAIRNESS_TWO_GATEWAYS } from './fairness.ts';
import { HAND_OFF } from './hand-off.ts';
import { IDLE } from './idle.ts';
import { ISOLATED_TOOL } from './isolated-tool.ts';
import { LEAVING } from './leaving.ts';
import { FIRST_TOKEN, LATENCY } from './latency.ts';
import { STREAMS_1000 } from './streams.ts';
import { THROUGHPUT } from './throughput.ts';
import { TOGETHER, WAVES } from './waves.ts';

/** Every figure, in the order in which they are measured. */
export const FIGURES: readonly Figure[] = [
  LATENCY,
  FIRST_TOKEN,
  ACCOUNTS,
  HAND_OFF,
  FAIRNESS,
  FAIRNESS_TWO_GATEWAYS,
  WAVES,
  TOGETHER,
  BOUND,
  STREAMS_1000,
  ISOLATED_TOOL,
  LEAVING,
  IDLE,
  THROUGHPUT,
];
