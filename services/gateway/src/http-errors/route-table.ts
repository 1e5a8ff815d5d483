/** Which methods each route has, so that a wrong method on a known path is a 405 and not a 404. */
export class RouteTable {
  readonly #exact = new Map<string, Set<string>>();
  readonly #prefixes = new Map<string, Set<string>>();

  /** `url` is the router's pattern; only a trailing `*` is understood as a wildcard. */
  add(methods: readonly string[], url: string): void {
    const [table, key] = url.endsWith('*')
      ? [this.#prefixes, url.slice(0, -1)]
      : [this.#exact, url];
    const known = table.get(key) ?? new Set();
    for (const method of methods) known.add(method);
    table.set(key, known);
  }

  /** Every route there is, as `GET /v1/models`. */
  get all(): readonly string[] {
    const tables = [
      ...this.#exact,
      ...[...this.#prefixes].map(([url, m]) => [`${url}*`, m] as const),
    ];
    return tables.flatMap(([url, methods]) => [...methods].map((method) => `${method} ${url}`));
  }

  /** In alphabetical order; empty when there is no such path. */
  allowed(path: string): readonly string[] {
    // As the router reads it: doubled and trailing slashes do not count.
    const plain = path.replaceAll(/\/{2,}/g, '/').replace(/(.)\/$/, '$1');
    const found = this.#exact.get(plain) ?? this.#byPrefix(plain);
    return found === undefined ? [] : [...found].toSorted();
  }

  #byPrefix(path: string): Set<string> | undefined {
    for (const [prefix, methods] of this.#prefixes) {
      if (path.startsWith(prefix) && path.length > prefix.length) return methods;
    }
    return undefined;
  }
}
