import { createHash } from 'node:crypto';

/** Longest id that is passed on. */
const ID_CHARS_MAX = 128;

/**
 * The ids of a run's calls of tools. Some providers give none, or begin anew in every answer: such
 * ids are made up, so that each names one call of the run, and the same in every attempt in which
 * the model does the same. Only a call that is repeated word for word keeps the id it had.
 */
export class CallIds {
  readonly #calls = new Map<string, string>();
  #made = 0;

  idOf(given: string | undefined, name: string, json: string): string {
    const call = createHash('sha256').update(`${name}\n${json}`).digest('base64');
    const usable = given !== undefined && given !== '' && given.length <= ID_CHARS_MAX;
    let id = usable ? given : this.#next('call');
    while ((this.#calls.get(id) ?? call) !== call) id = this.#next(usable ? given : 'call');
    this.#calls.set(id, call);
    return id;
  }

  #next(base: string): string {
    this.#made += 1;
    return `${base}_${this.#made}`;
  }
}
