import { Circuit } from './circuit.ts';
import type { CircuitName } from './circuit.ts';

/** Models of one endpoint whose circuits are kept; callers of a wildcard agent choose the names. */
const MODELS_MAX = 256;
/** Of a model's name, as it is logged. */
const NAME_LENGTH_MAX = 100;

export interface CircuitsOptions {
  readonly onChange: (model: string, circuit: CircuitName) => void;
  readonly nowMs?: (() => number) | undefined;
}

/**
 * The circuits of one endpoint, one for each model: a server has many, and one that fails must not
 * keep calls from the others, least of all where callers name the model.
 */
export class Circuits {
  readonly #options: CircuitsOptions;
  /** The one that was asked for last stands last. */
  readonly #byModel = new Map<string, Circuit>();

  constructor(options: CircuitsOptions) {
    this.#options = options;
  }

  /** Of the models that are left alone now, or tried. */
  get notClosed(): ReadonlyMap<string, CircuitName> {
    const all = [...this.#byModel].map(([model, { state }]) => [model, state] as const);
    return new Map(all.filter(([, state]) => state !== 'closed'));
  }

  of(model: string): Circuit {
    const { nowMs, onChange } = this.#options;
    const known = this.#byModel.get(model);
    const name = model.slice(0, NAME_LENGTH_MAX);
    const circuit = known ?? new Circuit({ nowMs, onChange: (state) => onChange(name, state) });
    this.#byModel.delete(model);
    this.#byModel.set(model, circuit);
    if (this.#byModel.size > MODELS_MAX) this.#forgetOldest();
    return circuit;
  }

  #forgetOldest(): void {
    const [oldest] = this.#byModel.keys();
    if (oldest !== undefined) this.#byModel.delete(oldest);
  }
}
