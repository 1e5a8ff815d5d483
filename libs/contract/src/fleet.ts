/** What workers say of themselves while they live. Core NATS, never stored. */
import { z } from 'zod';
import { AgentCard } from './agent-card.ts';
import { isToken } from './subjects.ts';

/** A worker that has nothing new to say says so this often. */
export const FLEET_BEAT_MS = 2_000;
/** Without a word for three beats a worker is gone; the rest is for the way of the third. */
export const FLEET_LOST_MS = 3 * FLEET_BEAT_MS + 200;
/**
 * Agents are said at the start, on change, to whoever asks, and in every so-manieth beat: they are
 * larger than all the rest, and seldom another.
 */
export const AGENTS_BEATS = 5;
/** Most agents that one worker says it has. */
export const AGENT_CARDS_MAX = 128;
/** Most characters of a worker's name in a {@link WorkerWord}. */
export const WORKER_NAME_MAX = 256;

/** On `fleet.<pool>.<worker token>`: at the start, on change, every two seconds, at the end. */
export const WorkerWord = z
  .object({
    v: z.literal(1),
    /** The worker's name, as in run events and logs; several may have one name. */
    worker: z.string().min(1).max(WORKER_NAME_MAX),
    pool: z.string().refine(isToken),
    slots: z.int().min(1).max(10_000),
    /** Slots that hold a run. */
    busy: z.int().min(0).max(10_000),
    /** It takes no more runs. */
    draining: z.boolean(),
    /** How long a run holds its slot, a mean of the latest ones; left out before the first. */
    serviceMs: z.number().min(0).max(1e9).optional(),
    /** Runs that this mean has seen. */
    served: z.int().min(0),
    /** Epoch milliseconds. */
    startedAtMs: z.int().min(0),
    /**
     * Agents that it can run; left out where that is no news. A list that cannot be read, which a
     * later version may send, is as if it were left out: the worker counts all the same.
     */
    agents: z.array(AgentCard).max(AGENT_CARDS_MAX).optional().catch(undefined),
    /** It takes nothing because a run has to be alone in it (`yes`), or asks whether it may. */
    closed: z.enum(['yes', 'asks']).optional().catch(undefined),
    /** Its last word. */
    gone: z.literal(true).optional(),
  })
  .refine(({ busy, slots }) => busy <= slots);
export type WorkerWord = z.infer<typeof WorkerWord>;
