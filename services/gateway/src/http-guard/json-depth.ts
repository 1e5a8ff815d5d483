import { SwitchboardError } from '@switchboard/contract';

/** Objects and lists inside each other. Schemas of tools have two for each of their own levels. */
export const DEPTH_MAX = 128;

/**
 * Looks at what was parsed, not at the text: a body is mostly text, and has few objects.
 *
 * @throws SwitchboardError `invalid_request` with the field of the body that is too deep
 */
export function checkDepth(body: unknown): void {
  if (typeof body !== 'object' || body === null) return;
  for (const [field, value] of Object.entries(body)) {
    if (fits(value, DEPTH_MAX - 1)) continue;
    const param = Array.isArray(body) || !/^\w{1,64}$/.test(field) ? undefined : field;
    const message = `The request body is nested too deeply: more than ${DEPTH_MAX} levels.`;
    throw new SwitchboardError('invalid_request', message, { param });
  }
}

/** Recursion ends at the limit itself. */
function fits(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) return false;
  if (Array.isArray(value)) {
    for (const element of value) if (!fits(element, levels - 1)) return false;
    return true;
  }
  for (const key in value) {
    if (!fits((value as Record<string, unknown>)[key], levels - 1)) return false;
  }
  return true;
}
