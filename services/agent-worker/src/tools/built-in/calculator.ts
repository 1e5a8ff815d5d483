import { OWN_TOOLS, ToolError } from '../tool.ts';
import type { Tool } from '../tool.ts';
import { evaluate } from './evaluate.ts';

const EXPRESSION_CHARS_MAX = 1_000;

/** Arithmetic, at which models are bad. */
export function calculatorTool(): Tool {
  return {
    name: 'calculator',
    description:
      'Evaluates an arithmetic expression: numbers, + - * / % ^, parentheses, the constants pi ' +
      'and e, and the functions sqrt, abs, round, floor, ceil, exp, ln, log (base 10), sin, cos, ' +
      'tan (radians), min and max.',
    parameters: {
      type: 'object',
      properties: { expression: { type: 'string', description: 'Such as (17.5 + 3) * 2^10.' } },
      required: ['expression'],
      additionalProperties: false,
    },
    source: OWN_TOOLS,
    sideEffects: false,
    run: (input) => Promise.resolve(calculate(input)),
  };
}

function calculate(input: unknown): string {
  const expression = (input as { expression?: unknown } | null)?.expression;
  if (typeof expression !== 'string') throw new ToolError('expression must be text.');
  if (expression.length > EXPRESSION_CHARS_MAX) {
    throw new ToolError(`expression may have ${EXPRESSION_CHARS_MAX} characters at most.`);
  }
  const value = evaluate(expression);
  if (!Number.isFinite(value)) throw new ToolError('The result is not a finite number.');
  // What is beyond 15 digits is noise of the binary numbers: 0.1 + 0.2 is 0.3.
  return String(Number(value.toPrecision(15)));
}
