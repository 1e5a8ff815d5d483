/**
 * Something is wrong with an MCP server or the way to it. The message is our own words: no address,
 * no token and nothing that the server wrote, so it may be logged and told to models.
 */
export class ServerFault extends Error {
  override readonly name = 'ServerFault';
}

/** `ECONNREFUSED` and the like; never the message, which may hold an address. */
export function causeCode(thrown: unknown): string {
  for (let cause = thrown; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && typeof cause.code === 'string') return cause.code;
  }
  return 'unknown error';
}
