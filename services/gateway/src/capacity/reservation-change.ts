/** How gateways tell each other of places: times as they are from now, for clocks differ. */
import { z } from 'zod';
import type { ReservationChange } from './reservations.ts';
import { HORIZON_MS } from './reservations.ts';

const Said = z.object({
  m: z.boolean(),
  u: z.string().max(64),
  l: z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4)]),
  /** Milliseconds from now; negative when it is over. */
  d: z.number().min(-HORIZON_MS).max(HORIZON_MS),
});

export function changeText({ made, reservation }: ReservationChange, nowMs: number): unknown {
  const { dueAtMs, identity, lane } = reservation;
  return { m: made, u: identity, l: lane, d: Math.round(dueAtMs - nowMs) };
}

/** Undefined for what is none. */
export function changeFrom(said: unknown, nowMs: number): ReservationChange | undefined {
  const parsed = Said.safeParse(said);
  if (!parsed.success) return undefined;
  const { m, u, l, d } = parsed.data;
  return { made: m, reservation: { identity: u, lane: l, dueAtMs: nowMs + d } };
}
