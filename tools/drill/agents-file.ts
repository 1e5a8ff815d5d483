import { writeAgentsFile as write } from '@switchboard/stack';

/** What becomes of a run that had shown something when its worker was lost. */
export const POLICIES = ['fail', 'restart'] as const;
export type Policy = (typeof POLICIES)[number];

/** Writes one profile for each policy, called like it. The file goes when this process ends. */
export function writeAgentsFile(): string {
  const limits = { queue_timeout: 120, timeout: 120 };
  return write(
    POLICIES.map((policy) => ({
      name: `${policy}/*`,
      model: '*',
      on_worker_lost: policy,
      ...limits,
    })),
  );
}
