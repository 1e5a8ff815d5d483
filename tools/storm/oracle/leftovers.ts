/** In the end nothing is left: no message, no taken rank, no lost slot. */
import type { ChatPlan } from '../chat-plan.ts';
import { nowMs } from '../clock.ts';
import { type Fleet, OUTSTANDING_PER_USER_MAX, SLOTS_PER_WORKER, WORKERS } from '../fleet.ts';
import type { Ledger } from '../ledger.ts';
import type { Load } from '../load.ts';
import type { Model } from '../model.ts';
import type { Observer } from '../observer.ts';
import type { Violation } from './violation.ts';

const EMPTY_WITHIN_MS = 45_000;
const LOOK_MS = 200;
/** Runs lost with so many workers are given up, and kept as a dead letter. */
const LOST_WORKERS_MAX = 3;
const SLOT_THINK_MS = 1_500;

export interface LeftoverParts {
  readonly fleet: Fleet;
  readonly ledger: Ledger;
  readonly load: Load;
  readonly observer: Observer;
  readonly model: Model;
}

export async function checkLeftovers(parts: LeftoverParts): Promise<Violation[]> {
  const violations = await checkStreams(parts);
  violations.push(...(await checkRanks(parts)));
  violations.push(...(await checkSlots(parts)));
  return violations;
}

async function checkStreams({ observer, ledger }: LeftoverParts): Promise<Violation[]> {
  const deadlineMs = nowMs() + EMPTY_WITHIN_MS;
  let counts = await observer.counts();
  while (counts.requests > 0 && nowMs() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    counts = await observer.counts();
  }
  const promise = 'nothing left';
  const violations: Violation[] = [];
  if (counts.requests > 0) {
    violations.push({ promise, evidence: `${counts.requests} messages left in the request queue` });
  }
  const givenUp = [...ledger.runs.values()].filter(
    ({ ends }) => ends[0]?.end.type === 'failed' && ends[0].end.code === 'too_many_attempts',
  );
  for (const { run, request, claims } of givenUp) {
    if (claims.length > LOST_WORKERS_MAX) continue;
    const evidence = `given up after ${claims.length} claims`;
    violations.push({ promise, run, request, evidence });
  }
  if (counts.deadLetters !== givenUp.length) {
    const evidence = `${counts.deadLetters} dead letters for ${givenUp.length} runs given up`;
    violations.push({ promise, evidence });
  }
  return violations;
}

/** Each user can have as many outstanding as ever. */
async function checkRanks({ load, ledger }: LeftoverParts): Promise<Violation[]> {
  const violations: Violation[] = [];
  for (const user of load.users) {
    const plans = Array.from({ length: OUTSTANDING_PER_USER_MAX }, () =>
      planFor(load.nextId(), user, 50),
    );
    await Promise.all(plans.map((plan) => load.send(plan)));
    const refused = plans.filter(({ id }) => {
      return ledger.chats.get(id)?.result?.outcome.kind !== 'completed';
    });
    if (refused.length === 0) continue;
    const evidence = `${user}: ${refused.length} of ${plans.length} not answered`;
    violations.push({ promise: 'no rank stuck', evidence, request: refused[0]?.id });
  }
  return violations;
}

/** All slots take part in one more round. */
async function checkSlots({ load, model }: LeftoverParts): Promise<Violation[]> {
  const slots = SLOTS_PER_WORKER * WORKERS;
  const chats = Array.from({ length: slots }, (_, index) =>
    load.send(planFor(load.nextId(), `last-${index}`, SLOT_THINK_MS)),
  );
  await new Promise((resolve) => setTimeout(resolve, SLOT_THINK_MS / 2));
  const running = await model.running();
  await Promise.all(chats);
  if (running === slots) return [];
  return [{ promise: 'no slot lost', evidence: `${running} of ${slots} slots took a request` }];
}

function planFor(id: string, user: string, thinkMs: number): ChatPlan {
  const model = `sim/think=${thinkMs},tokens=0,text=echo`;
  const base = { id, user, model, stream: false, prompt: 'nothing', text: '' };
  return { ...base, serviceMs: thinkMs, leaveAfterMs: undefined };
}
