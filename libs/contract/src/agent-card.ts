/**
 * What a worker says of an agent that it can run, so that gateways admit requests for it: the part
 * of a profile that matters before a slot has taken the request.
 */
import { z } from 'zod';
import { AgentProfile } from './agent-profile.ts';

const { name, queue_timeout, timeout, deadline, max_tokens, truncation } = AgentProfile.shape;

/** Most characters of a description in a card. */
const DESCRIPTION_MAX = 256;

export const AgentCard = z.object({
  name: name.max(256),
  description: z.string().max(DESCRIPTION_MAX).default(''),
  queue_timeout,
  timeout,
  deadline,
  max_tokens,
  truncation,
  /** Of its definition; for people and logs. */
  version: z.string().max(64).default(''),
});
export type AgentCard = z.infer<typeof AgentCard>;

/** A description that is too long for a card is cut. */
export function cardOf(profile: AgentProfile, version = ''): AgentCard {
  const description = profile.description.slice(0, DESCRIPTION_MAX);
  return AgentCard.parse({ ...profile, description, version: version.slice(0, 64) });
}

/** The profile by which a gateway admits requests for an agent that it has no other profile of. */
export function profileOf({ version: _version, ...card }: AgentCard, pool: string): AgentProfile {
  return AgentProfile.parse({ ...card, pool, model: '*' });
}
