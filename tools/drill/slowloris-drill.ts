/** Five hundred connections send their requests drop by drop, while somebody else works. */
import { Agent } from 'node:http';

import { seededRandom } from '@switchboard/testkit';

import { callChat, type ChatOutcome } from './chat-call.ts';
import { Fleet } from './fleet.ts';
import { MachineUse } from './machine-use.ts';
import type { DrillOptions } from './options.ts';
import type { DrillResult, Say } from './result.ts';
import { SlowConnections } from './slow-connections.ts';
import { judgeSlowPairs, type SlowPair } from './slowloris-judge.ts';

const CONNECTIONS = 500;
const PAIRS = 5;
const CALLS = 100;
const WARM_UP = 100;
const MODEL = 'sim/think=20ms,tokens=1';

export async function slowlorisDrill(options: DrillOptions, say: Say): Promise<DrillResult> {
  const { log, seed } = options;
  const random = seededRandom(seed);
  const fleet = await Fleet.start({ gateways: 1, workers: 1, poolSize: 10, log });
  const url = fleet.urls[0] ?? '';
  const agent = new Agent({ keepAlive: true });
  const work = async (count: number): Promise<readonly ChatOutcome[]> => {
    const calls: ChatOutcome[] = [];
    for (let each = 0; each < count; each++) {
      calls.push(await callChat({ url, agent, model: MODEL, user: 'somebody' }));
    }
    return calls;
  };
  const whileSlow = async (): Promise<Pick<SlowPair, 'slow' | 'open'>> => {
    const connections = await SlowConnections.open(url, CONNECTIONS);
    try {
      const slow = await work(CALLS);
      say(`${connections.open} slow connections, ${connections.connected} made`);
      return { slow, open: connections.open };
    } finally {
      connections.close();
    }
  };
  const pairs: SlowPair[] = [];
  try {
    await work(WARM_UP);
    const processes = [...fleet.gateways, ...fleet.workers];
    const machine = await MachineUse.from(
      processes.map(({ name, process: { pid } }) => ({ name, pid })),
    );
    for (let pair = 0; pair < PAIRS; pair++) {
      // Whatever else the machine does meets both halves alike.
      if (random.next() < 0.5) pairs.push({ quiet: await work(CALLS), ...(await whileSlow()) });
      else pairs.push({ ...(await whileSlow()), quiet: await work(CALLS) });
    }
    const judged = judgeSlowPairs(pairs, CONNECTIONS);
    return { seed, ...judged, figures: { ...judged.figures, machine: await machine.text() } };
  } finally {
    agent.destroy();
    await fleet.stop();
  }
}
