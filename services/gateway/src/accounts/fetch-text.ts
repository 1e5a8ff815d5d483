/** One HTTP GET with bounds on time and size, for documents that change rarely. */
export interface FetchBounds {
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * The body of a 200. Redirects are not followed: the address was chosen, another one was not.
 * Throws an Error whose message says what went wrong, without the body.
 */
export async function fetchText(address: string, bounds: FetchBounds): Promise<string> {
  const { timeoutMs, maxBytes, signal } = bounds;
  const response = await fetch(address, {
    headers: { accept: 'application/json, application/jwk-set+json' },
    redirect: 'error',
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`the answer has the status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop by an error cancels the body, and with it the connection.
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new Error(`the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
