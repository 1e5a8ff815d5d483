/** From the agents' file and the worker's configuration to the endpoints that it opens. */
import { DEFAULT_PROVIDER } from '@switchboard/contract';
import type { AgentsFile, ProviderSettings } from '@switchboard/contract';
import { ConfigError } from '@switchboard/platform/config';
import type { Secret } from '@switchboard/platform/config';
import { NO_ENDPOINT } from '../config.ts';
import type { WorkerConfig } from '../config.ts';
import type { EndpointOptions } from './endpoint.ts';

const OPENAI_URL = 'https://api.openai.com/v1';

type Settings = Pick<WorkerConfig, 'openaiApiKey' | 'openaiBaseUrl' | 'poolSize' | 'workerPool'>;

/** @throws ConfigError the variable is there twice, or its file cannot be read */
type ReadSecret = (variable: string) => Secret | undefined;

/**
 * The endpoints of a worker. One whose key is not set is left out if no agent of the worker's pool
 * names it: not every pool is given every key.
 *
 * @throws ConfigError naming every provider, and variable, that is missing
 */
export function endpointsOf(
  file: AgentsFile,
  settings: Settings,
  readSecret: ReadSecret,
): readonly EndpointOptions[] {
  const used = usedProviders(file, settings.workerPool);
  const problems: string[] = [];
  const endpoints: EndpointOptions[] = [];
  for (const provider of file.providers) {
    const before = problems.length;
    const endpoint = endpointOf(provider, settings, readSecret, problems);
    if (endpoint !== undefined) endpoints.push(endpoint);
    else if (used.has(provider.name) && problems.length === before) {
      problems.push(missingKey(provider));
    }
  }
  if (!file.providers.some(({ name }) => name === DEFAULT_PROVIDER)) {
    const endpoint = defaultEndpoint(settings);
    if (endpoint !== undefined) endpoints.push(endpoint);
    else if (used.has(DEFAULT_PROVIDER)) {
      problems.push(`OPENAI_BASE_URL and OPENAI_API_KEY: ${NO_ENDPOINT}`);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return endpoints;
}

function usedProviders({ agents }: AgentsFile, pool: string): ReadonlySet<string> {
  const mine = agents.filter((agent) => agent.pool === pool);
  return new Set(
    mine.flatMap((agent) => [agent.provider, ...agent.fallback.map(({ provider }) => provider)]),
  );
}

/** Undefined: it needs a key, and there is none. */
function endpointOf(
  provider: ProviderSettings,
  { poolSize }: Settings,
  readSecret: ReadSecret,
  problems: string[],
): EndpointOptions | undefined {
  const { name, base_url: baseUrl, api, api_key_env: variable, headers, prices } = provider;
  let key: Secret | undefined;
  try {
    key = variable === undefined ? undefined : readSecret(variable);
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    problems.push(...thrown.problems.map((problem) => `${problem} (provider ${name})`));
  }
  if (variable !== undefined && key === undefined) return undefined;
  const connections = provider.concurrency ?? poolSize;
  return { name, baseUrl, api, apiKey: key?.reveal(), headers, connections, prices };
}

function missingKey({ name, api_key_env: variable }: ProviderSettings): string {
  return `${variable}: must be set: it is the key of the provider ${name}`;
}

function defaultEndpoint(settings: Settings): EndpointOptions | undefined {
  const { openaiApiKey, openaiBaseUrl, poolSize } = settings;
  if ((openaiApiKey ?? openaiBaseUrl) === undefined) return undefined;
  return {
    name: DEFAULT_PROVIDER,
    baseUrl: openaiBaseUrl ?? OPENAI_URL,
    apiKey: openaiApiKey?.reveal(),
    connections: poolSize,
    prices: {},
  };
}
