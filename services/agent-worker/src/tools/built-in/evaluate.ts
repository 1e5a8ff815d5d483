/** Arithmetic by recursive descent: nothing of an expression is ever run as code. */
import { ToolError } from '../tool.ts';

const CONSTANTS: ReadonlyMap<string, number> = new Map([
  ['pi', Math.PI],
  ['e', Math.E],
]);

const FUNCTIONS: ReadonlyMap<string, (...values: number[]) => number> = new Map([
  ['sqrt', Math.sqrt],
  ['abs', Math.abs],
  ['round', Math.round],
  ['floor', Math.floor],
  ['ceil', Math.ceil],
  ['exp', Math.exp],
  ['ln', Math.log],
  ['log', Math.log10],
  ['sin', Math.sin],
  ['cos', Math.cos],
  ['tan', Math.tan],
  ['min', Math.min],
  ['max', Math.max],
]);
const SEVERAL_VALUES = new Set(['min', 'max']);

const TOKEN =
  /\s*(?:(\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)|([a-z]+)|(\*\*|[-+*/%^(),]))/iy;
/** Deepest nesting of parentheses, signs and powers. */
const DEPTH_MAX = 100;

/** @throws ToolError naming what cannot be read, and where */
export function evaluate(expression: string): number {
  return new Evaluation(expression).whole();
}

class Evaluation {
  readonly #text: string;
  #at = 0;
  #token = '';
  #depth = 0;

  constructor(text: string) {
    this.#text = text.trimEnd();
    this.#advance();
  }

  whole(): number {
    const value = this.#sum();
    if (this.#token !== '') throw this.#unexpected();
    return value;
  }

  #sum(): number {
    let value = this.#product();
    for (;;) {
      if (this.#takes('+')) value += this.#product();
      else if (this.#takes('-')) value -= this.#product();
      else return value;
    }
  }

  #product(): number {
    let value = this.#signed();
    for (;;) {
      if (this.#takes('*')) value *= this.#signed();
      else if (this.#takes('/')) value /= this.#signed();
      else if (this.#takes('%')) value %= this.#signed();
      else return value;
    }
  }

  /** A sign binds less than a power: -2^2 is -4, as on paper. */
  #signed(): number {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw new ToolError('The expression is nested too deep.');
    let value: number;
    if (this.#takes('-')) value = -this.#signed();
    else if (this.#takes('+')) value = this.#signed();
    else value = this.#power();
    this.#depth -= 1;
    return value;
  }

  #power(): number {
    const base = this.#atom();
    return this.#takes('^') || this.#takes('**') ? base ** this.#signed() : base;
  }

  #atom(): number {
    const token = this.#token;
    if (/^[\d.]/.test(token)) {
      this.#advance();
      return Number(token);
    }
    if (this.#takes('(')) {
      const value = this.#sum();
      this.#expect(')');
      return value;
    }
    const name = token.toLowerCase();
    const constant = CONSTANTS.get(name);
    const called = FUNCTIONS.get(name);
    if (constant === undefined && called === undefined) throw this.#unexpected();
    this.#advance();
    return constant ?? this.#call(name, called ?? Number);
  }

  #call(name: string, called: (...values: number[]) => number): number {
    this.#expect('(');
    const values = [this.#sum()];
    while (this.#takes(',')) values.push(this.#sum());
    this.#expect(')');
    if (values.length === 1 || SEVERAL_VALUES.has(name)) return called(...values);
    throw new ToolError(`${name} takes one value.`);
  }

  #takes(token: string): boolean {
    if (this.#token !== token) return false;
    this.#advance();
    return true;
  }

  #expect(token: string): void {
    if (!this.#takes(token)) throw this.#unexpected();
  }

  #advance(): void {
    TOKEN.lastIndex = this.#at;
    const match = TOKEN.exec(this.#text);
    if (match === null && this.#at < this.#text.length) throw this.#unexpected();
    this.#token = match === null ? '' : (match[1] ?? match[2] ?? match[3] ?? '');
    if (match !== null) this.#at = TOKEN.lastIndex;
  }

  #unexpected(): ToolError {
    const at = this.#at - this.#token.length;
    return new ToolError(`The expression cannot be read at character ${at + 1}.`);
  }
}
