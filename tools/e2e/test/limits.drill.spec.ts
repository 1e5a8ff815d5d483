/** No place in a limit leaks, however requests end. */
import { it } from 'node:test';

import { leakGuard } from '@switchboard/testkit';

import { limitsSurvive } from '../limits-survive.ts';

const STORM = { requests: 10_000, kills: 20, seed: 20_261_123 };

it(`after ${STORM.requests} requests and ${STORM.kills} kills all limits are free`, async (context) => {
  await limitsSurvive(context, STORM);
});

leakGuard();
