/** Which model endpoint the workers talk to. Holds no key, so it may be printed. */
export interface ModelEndpoint {
  readonly simulated: boolean;
  /** For the start screen: `the built-in simulator`, `api.openai.com`. */
  readonly label: string;
}

/** OPENAI_BASE_URL or OPENAI_API_KEY choose a real endpoint; without either it is the simulator. */
export function modelEndpoint(env: NodeJS.ProcessEnv): ModelEndpoint {
  const baseUrl = env['OPENAI_BASE_URL'] ?? '';
  if (baseUrl !== '') return { simulated: false, label: hostOf(baseUrl) };
  if ((env['OPENAI_API_KEY'] ?? '') !== '') return { simulated: false, label: 'api.openai.com' };
  return { simulated: true, label: 'the built-in simulator' };
}

/**
 * Why a real endpoint cannot be used yet, as a sentence with the fix, or undefined. The simulator
 * answers to any name; a real endpoint does not know the name of ours.
 */
export function missingModel(env: NodeJS.ProcessEnv, endpoint: ModelEndpoint): string | undefined {
  const named = (env['OPENAI_MODEL'] ?? '') !== '' || (env['AGENTS_FILE'] ?? '') !== '';
  if (endpoint.simulated || named) return undefined;
  return (
    `Say which model of ${endpoint.label} to use: set OPENAI_MODEL, ` +
    'for example OPENAI_MODEL=gpt-4o-mini npm start, or name models in an AGENTS_FILE.'
  );
}

/** Only the host: a URL may carry a user and a password. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'OPENAI_BASE_URL (not a URL)';
}
