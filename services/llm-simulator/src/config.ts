/** The simulator's configuration: the only place of the service that reads the environment. */
import * as option from '@switchboard/platform/config';
import type { Config, Environment } from '@switchboard/platform/config';

export const SIMULATOR_OPTIONS = option.defineOptions({
  HOST: option.string({ doc: 'Address to listen on.', default: '127.0.0.1' }),
  PORT: option.port({ doc: 'Port to listen on; 0 takes any free one.', default: 0 }),
});

export type SimulatorConfig = Config<typeof SIMULATOR_OPTIONS>;

/** @throws ConfigError with every problem, by name and never by value. */
export function readSimulatorConfig(env: Environment = process.env): SimulatorConfig {
  return option.readConfig(SIMULATOR_OPTIONS, env);
}
