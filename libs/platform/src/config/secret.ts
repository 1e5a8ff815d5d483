import { inspect } from 'node:util';

/**
 * A value that no log, JSON or template string shows by accident: every way of printing it gives
 * `[secret]`. {@link Secret.reveal} is the only way to the text, so each use can be found by name.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
