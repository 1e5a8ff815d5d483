import { SwitchboardError, findProfile } from '@switchboard/contract';
import type { AgentProfile } from '@switchboard/contract';

/** One model in OpenAI's shape; a model is an agent. */
export interface Model {
  readonly id: string;
  readonly object: 'model';
  /** Seconds since 1970: when this gateway began. */
  readonly created: number;
  readonly owned_by: string;
}

export class ModelCatalogue {
  readonly #profiles: () => readonly AgentProfile[];
  readonly #created: number;

  constructor(profiles: () => readonly AgentProfile[], nowMs: number) {
    this.#profiles = profiles;
    this.#created = Math.floor(nowMs / 1_000);
  }

  list(): { object: 'list'; data: Model[] } {
    return { object: 'list', data: this.#profiles().map(({ name }) => this.#model(name)) };
  }

  /** @throws SwitchboardError `model_not_found`. */
  get(id: string): Model {
    if (findProfile(this.#profiles(), id) === undefined) {
      throw new SwitchboardError('model_not_found', 'There is no agent of this name.', {
        param: 'model',
      });
    }
    return this.#model(id);
  }

  #model(id: string): Model {
    return { id, object: 'model', created: this.#created, owned_by: 'switchboard' };
  }
}
