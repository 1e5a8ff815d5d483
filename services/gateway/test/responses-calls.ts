/** What the tests of the Responses API say over HTTP, and what they read out of the answers. */
import assert from 'node:assert/strict';
import { ResponseSchema } from '../src/responses/standard-schema.ts';
import { COMPLETED, STARTED, text } from './fake-runs.ts';
import type { FakeRun } from './fake-runs.ts';
import type { TestGateway } from './harness.ts';

export const ASK = { model: 'assistant', input: 'Hello' };

export const answerWith =
  (...parts: readonly string[]) =>
  (run: FakeRun): void =>
    run.emit(STARTED, ...parts.map(text), COMPLETED);

export async function call(
  server: TestGateway,
  method: string,
  path: string,
  { body, headers = {} }: { body?: object; headers?: Record<string, string> } = {},
): Promise<Response> {
  return await fetch(`${server.url}/v1/responses${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

export interface Streamed {
  readonly type: string;
  readonly sequence_number: number;
  readonly delta?: string;
  readonly response?: { readonly id: string };
}

export function eventsOf(sse: string): Streamed[] {
  return sse
    .split('\n')
    .filter((line) => line.startsWith('data: ') && line !== 'data: [DONE]')
    .map((line) => JSON.parse(line.slice(6)) as Streamed);
}

export const textOf = (events: readonly Streamed[]): string =>
  events
    .filter(({ type }) => type === 'response.output_text.delta')
    .map(({ delta }) => delta)
    .join('');

export async function created(server: TestGateway, body: object = ASK): Promise<{ id: string }> {
  const response = await call(server, 'POST', '', { body });
  assert.equal(response.status, 200, await response.clone().text());
  return ResponseSchema.parse(await response.json());
}

export const errorCode = async (response: Response): Promise<string> =>
  ((await response.json()) as { error: { code: string } }).error.code;
