import type { Agent } from '@switchboard/stack';

/** What each profile is for; `model` of a request is `<profile>/<script of the simulator>`. */
export const PROFILES = {
  /** Never runs into a limit of its own. */
  sim: { queue_timeout: 120, first_token_timeout: 30, idle_timeout: 30, timeout: 60 },
  /** For models that stall. */
  short: { queue_timeout: 120, first_token_timeout: 1.5, idle_timeout: 0.6, timeout: 3 },
  /** Gives up waiting for a slot soon. */
  impatient: { queue_timeout: 0.3, first_token_timeout: 30, idle_timeout: 30, timeout: 60 },
} as const;

export type ProfileName = keyof typeof PROFILES;

/** The profiles as agents of the simulator. */
export const AGENTS: readonly Agent[] = Object.entries(PROFILES).map(([name, limits]) => ({
  name: `${name}/*`,
  model: '*',
  ...limits,
}));
