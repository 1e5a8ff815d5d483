/** One stream through @switchboard/client, which resumes by itself, and what it took. */
import { AgentError, createClient } from '@switchboard/client';

import { echoOf } from './words.ts';

export interface StreamPlan {
  /** Sent as `x-request-id`: letters, digits and dashes; unique in the drill. */
  readonly id: string;
  readonly url: string;
  readonly seconds: number;
  /** Called when the first word has come, and once more when the stream has ended. */
  readonly onBegun: () => void;
}

export interface StreamResult {
  readonly id: string;
  readonly expected: string;
  readonly text: string;
  /** Code and message of what it threw; undefined when it ended well. */
  readonly failure: string | undefined;
  /** Connections whose stream had begun, of which all but one were cut. */
  readonly opened: number;
  /** Attempts that were refused or found nobody. */
  readonly refused: number;
}

/** Reads a stream to its end. Never rejects. */
export async function readStream({ id, url, seconds, onBegun }: StreamPlan): Promise<StreamResult> {
  const counts = { opened: 0, refused: 0 };
  const counted: typeof fetch = async (...request) => {
    const response = await fetch(...request).catch((error: unknown) => {
      counts.refused += 1;
      throw error;
    });
    if (response.ok) counts.opened += 1;
    else counts.refused += 1;
    return response;
  };
  const client = createClient({
    baseURL: `${url}/v1`,
    apiKey: 'drill',
    defaultHeaders: { 'x-request-id': id },
    fetch: counted,
  });
  const { script, text: expected } = echoOf(id, seconds);
  const agent = client.agent(`sim/${script}`);
  const startedAtMs = performance.now();
  let text = '';
  let failure: string | undefined;
  try {
    for await (const piece of agent.stream(expected)) {
      if (text === '') onBegun();
      text += piece;
    }
  } catch (error) {
    const afterSeconds = (performance.now() - startedAtMs) / 1_000;
    failure = `after ${afterSeconds.toFixed(1)} s, ${describe(error)}`;
  } finally {
    onBegun();
  }
  return { id, expected, text, failure, ...counts };
}

function describe(error: unknown): string {
  if (!(error instanceof AgentError)) return String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return `${error.code}: ${error.message}${cause}`;
}
