/** One stream of an agent that fails, or begins again, when its worker is lost. */
import { AgentError, createClient } from '@switchboard/client';

import type { Policy } from './agents-file.ts';
import { echoOf } from './words.ts';

export interface PolicyPlan {
  /** Sent as `x-request-id`: letters, digits and dashes; unique in the drill. */
  readonly id: string;
  readonly policy: Policy;
  readonly url: string;
  /** Before the first word, and for the words. */
  readonly thinkSeconds: number;
  readonly seconds: number;
  /** Called when the run has begun, and once more when the stream has ended. */
  readonly onBegun: () => void;
}

export interface PolicyResult {
  readonly id: string;
  readonly policy: Policy;
  readonly expected: string;
  /** What each message of the stream said; a run that begins again begins another one. */
  readonly pieces: readonly string[];
  /** `completed`, or the code it failed with; undefined when the stream had no end. */
  readonly end: string | undefined;
  /** Text of the final response. */
  readonly text: string;
  /** Code and message of what the client threw. */
  readonly failure: string | undefined;
}

/** Reads a stream to its end. Never rejects. */
export async function readPolicyStream(plan: PolicyPlan): Promise<PolicyResult> {
  const { id, policy, seconds, thinkSeconds, url } = plan;
  const { script, text: expected } = echoOf(id, seconds);
  const client = createClient({
    baseURL: `${url}/v1`,
    apiKey: 'drill',
    defaultHeaders: { 'x-request-id': id },
  });
  const agent = client.agent(`${policy}/${script},think=${thinkSeconds}s`);
  const pieces: string[] = [];
  let [end, text]: [string | undefined, string] = [undefined, ''];
  let failure: string | undefined;
  try {
    for await (const event of agent.stream(expected).events()) {
      if (event.type === 'response.in_progress') plan.onBegun();
      if (event.type === 'response.output_item.added') pieces.push('');
      if (event.type === 'response.output_text.delta') {
        pieces.push(`${pieces.pop() ?? ''}${event.delta}`);
      }
      if (event.type === 'response.completed' || event.type === 'response.failed') {
        const { error, output, status } = event.response;
        end = error?.code ?? status;
        text = textOf(output);
      }
    }
  } catch (error) {
    failure = error instanceof AgentError ? `${error.code}: ${error.message}` : String(error);
  } finally {
    plan.onBegun();
  }
  return { id, policy, expected, pieces, end, text, failure };
}

interface OutputItem {
  readonly type: string;
  readonly content?: readonly { readonly text?: string }[];
}

function textOf(output: readonly object[]): string {
  const items = output as readonly OutputItem[];
  const parts = items.flatMap(({ content, type }) => (type === 'message' ? (content ?? []) : []));
  return parts.map(({ text }) => text ?? '').join('');
}
