/**
 * What is wrong with the configuration, every problem at once. Each line names its variable (or the
 * place in a file) and what is expected there; none shows a value as it was given, which may be a
 * key: at most a number that it was read as.
 */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
    super(`The configuration has ${count}:\n${problems.map((line) => `  ${line}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}
