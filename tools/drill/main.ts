/** `npm run drill`: the whole system while its processes come and go, and what callers saw. */
import { runTrial } from '@switchboard/command-line';
import { ProcessStartError } from '@switchboard/stack';

import { crowdDrill } from './crowd-drill.ts';
import { killDrill } from './kill-drill.ts';
import { type DrillName, type DrillOptions, readOptions, USAGE } from './options.ts';
import { overloadDrill } from './overload-drill.ts';
import { poisonDrill } from './poison-drill.ts';
import { restartDrill } from './restart-drill.ts';
import { type DrillResult, type Say, table } from './result.ts';
import { retryAfterDrill } from './retry-after-drill.ts';
import { shortDrainDrill } from './short-drain-drill.ts';
import { slowlorisDrill } from './slowloris-drill.ts';
import { soakDrill } from './soak-drill.ts';
import { stoppedDrill } from './stopped-drill.ts';

type Drill = (options: DrillOptions, say: Say) => Promise<DrillResult>;

const DRILLS: Readonly<Record<DrillName, Drill>> = {
  restart: (options, say) => (options.shortDrain ? shortDrainDrill : restartDrill)(options, say),
  kill: killDrill,
  soak: soakDrill,
  stopped: stoppedDrill,
  poison: poisonDrill,
  overload: overloadDrill,
  'retry-after': retryAfterDrill,
  crowd: crowdDrill,
  slowloris: slowlorisDrill,
};

await runTrial({
  usage: USAGE,
  read: readOptions,
  title: ({ drill, seed }) => `${drill} drill, seed ${seed}`,
  run: async (options, say) => await DRILLS[options.drill](options, say),
  table,
  problems: ({ violations }) => violations,
  expected: [ProcessStartError],
});
