import { AgentError, defineAgent } from '@switchboard/agent';
import type { Usage } from '@switchboard/agent';

/** Where the service is; one for all workers. */
const url = process.env['AGENT_SERVICE_URL'] ?? 'http://127.0.0.1:8001/run';
const LINE_CHARS_MAX = 64 * 1_024;

/** One line of the service's answer. */
type Line = { readonly text: string } | { readonly usage: Usage };

export const remote = defineAgent({
  name: 'remote',
  description: 'A service of your own, in whatever language.',
  timeout: 120,
  async *run({ messages, run }, { signal }) {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': run },
      body: JSON.stringify({ messages }),
      // Closes the connection when the caller leaves: the service stops.
      signal,
    }).catch((cause: unknown) => {
      signal.throwIfAborted();
      throw new AgentError('The service is not there.', { code: 'agent_unavailable', cause });
    });
    if (!answer.ok || answer.body === null) {
      throw new AgentError(`The service answered with status ${answer.status}.`);
    }
    for await (const line of linesOf(answer.body)) {
      if ('text' in line) yield line.text;
      else yield { type: 'usage', usage: line.usage };
    }
  },
});

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Line> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_CHARS_MAX) throw new AgentError('The service sent too long a line.');
    for (const line of lines) yield JSON.parse(line) as Line;
  }
}
