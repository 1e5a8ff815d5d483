export interface SimulatorConfig {
  readonly host: string;
  readonly port: number;
}

/** Every bad variable, one line each, by name and never by value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * HOST: address to listen on, default 127.0.0.1. PORT: 0..65535, default 0 = any free port.
 * @throws {ConfigError}
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): SimulatorConfig {
  const { HOST: host = '127.0.0.1', PORT: port = '0' } = env;
  const problems: string[] = [];
  if (host.trim() === '') problems.push('HOST must not be empty');
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    problems.push('PORT must be a whole number from 0 to 65535');
  }
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  return Object.freeze({ host, port: Number(port) });
}
