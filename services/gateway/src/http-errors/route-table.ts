/** Which methods each route has, so that a wrong method on a known path is a 405 and not a 404. */
export class RouteTable {
  readonly #methods = new Map<string, Set<string>>();
  readonly #patterns = new Map<string, RegExp>();

  /** `url` is the router's pattern; `:name` and a trailing `*` are understood. */
  add(methods: readonly string[], url: string): void {
    const known = this.#methods.get(url) ?? new Set();
    for (const method of methods) known.add(method);
    this.#methods.set(url, known);
    if (/[:*]/.test(url)) this.#patterns.set(url, patternOf(url));
  }

  /** Every route there is, as `GET /v1/models`. */
  get all(): readonly string[] {
    return [...this.#methods].flatMap(([url, methods]) =>
      [...methods].map((method) => `${method} ${url}`),
    );
  }

  /** In alphabetical order; empty when there is no such path. */
  allowed(path: string): readonly string[] {
    // As the router reads it: doubled and trailing slashes do not count.
    const plain = path.replaceAll(/\/{2,}/g, '/').replace(/(.)\/$/, '$1');
    const found = this.#methods.get(plain) ?? this.#byPattern(plain);
    return found === undefined ? [] : [...found].toSorted();
  }

  #byPattern(path: string): Set<string> | undefined {
    for (const [url, pattern] of this.#patterns) {
      if (pattern.test(path)) return this.#methods.get(url);
    }
    return undefined;
  }
}

function patternOf(url: string): RegExp {
  const source = url
    .split('/')
    .map((segment) => {
      if (segment.startsWith(':')) return '[^/]+';
      if (segment === '*') return '.+';
      return segment.replaceAll(/[^\w-]/g, '\\$&');
    })
    .join('/');
  return new RegExp(`^${source}$`);
}
