import { OnDisconnect, SwitchboardError } from '@switchboard/contract';

export const ON_DISCONNECT_HEADER = 'x-switchboard-on-disconnect';

/** What the caller wants to happen when the connection goes. @throws SwitchboardError */
export function onDisconnectOf(
  header: string | readonly string[] | undefined,
  otherwise: OnDisconnect,
): OnDisconnect {
  if (header === undefined) return otherwise;
  const parsed = OnDisconnect.safeParse(header);
  if (parsed.success) return parsed.data;
  const names = OnDisconnect.options.map((name) => `\`${name}\``).join(', ');
  throw new SwitchboardError(
    'invalid_request',
    `The header \`${ON_DISCONNECT_HEADER}\` must be one of ${names}.`,
    { param: ON_DISCONNECT_HEADER },
  );
}
