import { pick } from '@switchboard/stack';

/** The variables a person may set for `npm start`; each service gets only its own. */
const SHARED = ['LOG_LEVEL', 'AGENTS_FILE', 'NATS_REPLICAS'];

const GATEWAY = [
  'HOST',
  'MAX_OUTSTANDING_PER_USER',
  'MAX_OUTSTANDING',
  'MAX_OUTSTANDING_BYTES',
  'MAX_BODY_BYTES',
  'BODY_TIMEOUT_MS',
  'HEARTBEAT_INTERVAL_MS',
  'STATUS_HOLD_MS',
];

/** The key goes to the worker alone: nothing else talks to the model endpoint. */
const WORKER = ['OPENAI_API_KEY', 'OPENAI_BASE_URL', 'OPENAI_MODEL', 'WORKER_POOL'];

/** How long Ctrl-C waits for the runs that are under way, milliseconds. */
const DRAIN_TIMEOUT_MS = '30000';

export function gatewayEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { DRAIN_TIMEOUT_MS, ...pick(env, [...SHARED, ...GATEWAY, 'DRAIN_TIMEOUT_MS']) };
}

export function workerEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { DRAIN_TIMEOUT_MS, ...pick(env, [...SHARED, ...WORKER, 'DRAIN_TIMEOUT_MS']) };
}
