import { SwitchboardError, findProfile } from '@switchboard/contract';
import type { AgentProfile } from '@switchboard/contract';

/** Model names shown to a caller who asked for one that does not exist. */
const NAMES_SHOWN = 5;

/** The agent that `model` names. @throws SwitchboardError `model_not_found` */
export function agentOf(
  profiles: readonly AgentProfile[],
  model: string,
): { profile: AgentProfile; rest?: string } {
  const found = findProfile(profiles, model);
  if (found !== undefined) return found;
  const names = profiles.map((profile) => profile.name);
  const shown = names.slice(0, NAMES_SHOWN).join(', ');
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '';
  throw new SwitchboardError(
    'model_not_found',
    `There is no agent of this name. Available: ${shown}${more}.`,
    { param: 'model' },
  );
}
