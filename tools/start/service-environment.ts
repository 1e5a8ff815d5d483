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
  'MAX_OUTSTANDING_PER_USER',
  'MAX_OUTSTANDING',
  'MAX_OUTSTANDING_BYTES',
  'MAX_BODY_BYTES',
  'BODY_TIMEOUT_MS',
  'HEARTBEAT_INTERVAL_MS',
  'STATUS_HOLD_MS',
  'EVENTS_MAX_BYTES',
  'EVENTS_MAX_AGE_MS',
];

/** The key goes to the worker alone: nothing else talks to the model endpoint. */
const WORKER = ['OPENAI_API_KEY', 'OPENAI_BASE_URL', 'WORKER_POOL', 'ALLOW_SHORT_DRAIN'];

export function gatewayEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return pick(env, [...SHARED, ...GATEWAY]);
}

export function workerEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return pick(env, [...SHARED, ...WORKER]);
}
