import { pick } from '@switchboard/stack';

/** The variables a person may set for `npm start`; each service gets only its own. */
const SHARED = [
  'LOG_LEVEL',
  'AGENTS_FILE',
  'DRAIN_TIMEOUT_MS',
  // Tells the gateway, too, whether the built-in agents are the simulator's.
  'OPENAI_MODEL',
];

const GATEWAY = [
  'HOST',
  'NATS_REPLICAS',
  'KEYS_FILE',
  'JWT_ISSUER',
  'JWT_AUDIENCE',
  'JWKS_URL',
  'JWKS_FILE',
  'JWKS_REFRESH_MS',
  'JWT_CLOCK_SKEW_MS',
  'JWT_USER_CLAIM',
  'JWT_TENANT_CLAIM',
  'JWT_SCOPE_CLAIM',
  'JWT_SCOPE_PREFIX',
  'MAX_OUTSTANDING_PER_USER',
  'MAX_OUTSTANDING',
  'MAX_OUTSTANDING_BYTES',
  'COUNTERS_MAX_BYTES',
  'EVENTS_MAX_BYTES',
  'EVENTS_MAX_AGE_MS',
  'RESUME_WINDOW_MS',
  'RESPONSES_TTL_MS',
  'RESPONSES_MAX_BYTES',
  'IDEMPOTENCY_TTL_MS',
  'IDEMPOTENCY_MAX_BYTES',
  'INPUTS_MAX_BYTES',
  'MAX_BODY_BYTES',
  'BODY_TIMEOUT_MS',
  'HEADERS_TIMEOUT_MS',
  'MAX_CONNECTIONS',
  'MAX_CONNECTIONS_PER_ADDRESS',
  'MAX_STREAMS_PER_USER',
  'TRUSTED_PROXIES',
  'CORS_ORIGINS',
  'STATUS_HOLD_MS',
  'HEARTBEAT_INTERVAL_MS',
];

/** The key goes to the worker alone: nothing else talks to the model endpoint. */
const WORKER = [
  'OPENAI_API_KEY',
  'OPENAI_BASE_URL',
  'AGENTS_DIR',
  'WORKER_POOL',
  'ALLOW_SHORT_DRAIN',
  'WATCHDOG_MS',
];
/** What modules in AGENTS_DIR read for themselves. */
const OF_MODULES = /^AGENT_/;

export function gatewayEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return pick(env, [...SHARED, ...GATEWAY]);
}

export function workerEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ofModules = Object.keys(env).filter((name) => OF_MODULES.test(name));
  return pick(env, [...SHARED, ...WORKER, ...ofModules]);
}
