/** The arguments of a call, as a model writes them. */
import { ToolError } from './tool.ts';

/** Longest arguments, in characters of JSON. */
export const ARGUMENTS_CHARS_MAX = 65_536;
/** Deepest nesting: schemas are checked by recursion, which a deep value would exhaust. */
export const ARGUMENTS_DEPTH_MAX = 64;

/** The arguments as a value. @throws ToolError that the model can understand */
export function readToolInput(json: string): unknown {
  if (json.length > ARGUMENTS_CHARS_MAX) {
    throw new ToolError(`The arguments are longer than ${ARGUMENTS_CHARS_MAX} characters.`);
  }
  // Many models write nothing at all for a tool without arguments.
  if (json.trim() === '') return {};
  if (depthOf(json) > ARGUMENTS_DEPTH_MAX) {
    throw new ToolError(`The arguments are nested deeper than ${ARGUMENTS_DEPTH_MAX} levels.`);
  }
  try {
    return JSON.parse(json);
  } catch {
    // The parser's own message quotes the arguments.
    throw new ToolError('The arguments are not valid JSON.');
  }
}

/** Deepest nesting of a text that may be JSON. */
function depthOf(json: string): number {
  let [depth, deepest, quoted] = [0, 0, false];
  for (let index = 0; index < json.length; index += 1) {
    const character = json[index];
    if (quoted) {
      if (character === '\\') index += 1;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === '{' || character === '[') deepest = Math.max(deepest, (depth += 1));
    else if (character === '}' || character === ']') depth -= 1;
  }
  return deepest;
}
