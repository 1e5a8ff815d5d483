import type { AgentProfile } from '@switchboard/contract';

type Profiles = () => readonly AgentProfile[];

/**
 * The agents that callers can name: those of the file, and those that workers announce. Where both
 * have a name, the file's counts: it is what a person has written down.
 */
export class KnownAgents {
  readonly #file: Profiles;
  readonly #announced: Profiles;
  #seen: readonly (readonly AgentProfile[])[] = [];
  #all: readonly AgentProfile[] = [];

  /** Each gives another array when something has changed, and the same one otherwise. */
  constructor(file: Profiles, announced: Profiles) {
    this.#file = file;
    this.#announced = announced;
  }

  /** The same array as long as nothing has changed. */
  get profiles(): readonly AgentProfile[] {
    const [file, announced] = [this.#file(), this.#announced()];
    if (file !== this.#seen[0] || announced !== this.#seen[1]) {
      const names = new Set(file.map(({ name }) => name));
      this.#seen = [file, announced];
      this.#all = [...file, ...announced.filter(({ name }) => !names.has(name))];
    }
    return this.#all;
  }
}
