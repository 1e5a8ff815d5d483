/** The part of a provider's request that is about tools, in a run whose agent has its own. */
import { SwitchboardError } from '@switchboard/contract';
import type { Tool } from '../tools/tool.ts';
import type { ProviderRequest } from './chat-provider.ts';

/** The names of the tools that the caller sent. */
export function callerToolNames(body: ProviderRequest): ReadonlySet<string> {
  const names = callerTools(body).map((tool) => nameOf(tool));
  return new Set(names.filter((name) => name !== undefined));
}

/** @throws SwitchboardError `invalid_request` when nobody could say whose tool a call means */
export function refuseOwnNames(body: ProviderRequest, own: readonly Tool[]): void {
  const names = new Set(own.map(({ name }) => name));
  for (const [index, tool] of callerTools(body).entries()) {
    const name = nameOf(tool);
    if (name === undefined || !names.has(name)) continue;
    const message = 'The agent has a tool of its own with this name: choose another.';
    const param = `tools[${index}].function.name`;
    throw new SwitchboardError('invalid_request', message, { param });
  }
}

export interface StepPlace {
  /** The caller's `tool_choice` holds. Later, what it insists on was called: once is enough. */
  readonly isFirst: boolean;
  /** No tool of the agent's may be called any more, so that the model comes to an end. */
  readonly isLast: boolean;
}

export function withTools(
  body: ProviderRequest,
  own: readonly Tool[],
  { isFirst, isLast }: StepPlace,
): ProviderRequest {
  const callers = callerTools(body);
  const owns = own.map(({ name, description, parameters }) => ({
    type: 'function',
    function: { name, description, parameters },
  }));
  const choice = isFirst ? body['tool_choice'] : relaxed(body['tool_choice']);
  if (!isLast) return { ...body, tools: [...callers, ...owns], ...choiceOf(choice) };
  // Endpoints want to know the tools that a conversation has used.
  if (callers.length === 0) return { ...body, tools: owns, tool_choice: 'none' };
  const namesOwn = own.some(({ name }) => name === nameOf(choice));
  return { ...body, ...choiceOf(namesOwn ? 'auto' : choice) };
}

function choiceOf(choice: unknown): { readonly tool_choice?: unknown } {
  return choice === undefined || choice === null ? {} : { tool_choice: choice };
}

function relaxed(choice: unknown): unknown {
  if (choice === 'required') return 'auto';
  if (!isFields(choice)) return choice;
  const { allowed_tools: allowed } = choice;
  if (!isFields(allowed)) return 'auto';
  return { ...choice, allowed_tools: { ...allowed, mode: 'auto' } };
}

function callerTools(body: ProviderRequest): readonly unknown[] {
  return Array.isArray(body['tools']) ? body['tools'] : [];
}

function nameOf(tool: unknown): string | undefined {
  if (!isFields(tool)) return undefined;
  const declared = tool['function'];
  const name = isFields(declared) ? declared['name'] : undefined;
  return typeof name === 'string' ? name : undefined;
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
