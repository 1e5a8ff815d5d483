/** The gateway's configuration: the only place of the service that reads the environment. */
import * as option from '@switchboard/platform/config';
import type { Config, Environment } from '@switchboard/platform/config';
import { LOG_LEVEL_NAMES } from '@switchboard/platform/logging';
import { HTTP_GUARD_OPTIONS } from './http-guard/options.ts';
import { ACCOUNT_CHECKS, ACCOUNT_OPTIONS } from './accounts/options.ts';

const KIB = 1_024;
const MIB = 1_024 * KIB;
const GIB = 1_024 * MIB;
const DAY_MS = 86_400_000;

export const GATEWAY_OPTIONS = option.defineOptions({
  HOST: option.string({
    doc:
      'Address to listen on. Without keys (`KEYS_FILE`, `JWKS_URL`) only a loopback address is ' +
      'allowed.',
    default: '127.0.0.1',
  }),
  PORT: option.port({ doc: 'Port to listen on; 0 takes a free one.', default: 8_080 }),
  LOG_LEVEL: option.choice(LOG_LEVEL_NAMES, {
    doc: 'Least level that is logged.',
    default: 'info',
  }),
  ...option.NATS_OPTIONS,
  NATS_REPLICAS: option.integer({
    doc: 'Replicas of the streams, which gateways make: 1 on one NATS server, 3 on a cluster.',
    default: 1,
    min: 1,
    max: 5,
  }),
  AGENTS_FILE: option.string({
    doc:
      'YAML file of agents, the same as the workers read; followed through its changes ' +
      '(docs/agents-file.md). Without it the ' +
      'built-in agents are served.',
  }),
  OPENAI_MODEL: option.string({
    doc:
      'Model of the built-in agent, as the workers have it: one that begins with `sim/` ' +
      'means the simulator, whose wildcard agent is then listed too. Has no effect with ' +
      '`AGENTS_FILE`.',
    default: 'sim/assistant',
  }),
  ...ACCOUNT_OPTIONS,
  MAX_OUTSTANDING_PER_USER: option.integer({
    doc: 'Requests one caller may have queued and running, over all gateways; more get a 429.',
    default: 256,
    min: 1,
    max: 65_536,
  }),
  MAX_OUTSTANDING: option.integer({
    doc:
      'Requests queued and running in one pool; more get a 503. Every gateway ' +
      'must have the same value.',
    default: 10_000,
    min: 1,
    max: 1_000_000,
  }),
  MAX_OUTSTANDING_BYTES: option.bytes({
    doc:
      'Bytes queued and running in one pool; more get a 503. Every gateway ' +
      'must have the same value.',
    default: 256 * MIB,
    min: MIB,
    max: 1_024 * GIB,
  }),
  COUNTERS_MAX_BYTES: option.bytes({
    doc:
      'Bytes of what callers have used, about 300 for each that has limits per minute or day; ' +
      'those used the longest ago are forgotten first.',
    default: 64 * MIB,
    min: MIB,
    max: GIB,
  }),
  EVENTS_MAX_BYTES: option.bytes({
    doc: 'Bytes of run events that NATS keeps; the oldest go first.',
    default: 512 * MIB,
    min: MIB,
    max: 1_024 * GIB,
  }),
  EVENTS_MAX_AGE_MS: option.duration({
    doc: 'How long NATS keeps run events. Must exceed the longest run.',
    default: 3_600_000,
    min: 60_000,
    max: 86_400_000,
  }),
  RESUME_WINDOW_MS: option.duration({
    doc:
      'How long a run that can be resumed waits for its reader to come back, and how long the ' +
      'events of a run that is not stored are kept after its end.',
    default: 30_000,
    min: 0,
    max: 3_600_000,
  }),
  RESPONSES_TTL_MS: option.duration({
    doc: 'How long stored responses are kept. Every gateway must have the same value.',
    default: 30 * DAY_MS,
    min: 60_000,
    max: 3_650 * DAY_MS,
  }),
  RESPONSES_MAX_BYTES: option.bytes({
    doc: 'Bytes of stored responses; when they are full, what must be stored gets a 503.',
    default: GIB,
    min: MIB,
    max: 1_024 * GIB,
  }),
  IDEMPOTENCY_TTL_MS: option.duration({
    doc: 'How long an `Idempotency-Key` and the answer it stands for are kept.',
    default: DAY_MS,
    min: 60_000,
    max: 30 * DAY_MS,
  }),
  IDEMPOTENCY_MAX_BYTES: option.bytes({
    doc: 'Bytes of both; when they are full, requests with a key get a 503.',
    default: 256 * MIB,
    min: MIB,
    max: 1_024 * GIB,
  }),
  INPUTS_MAX_BYTES: option.bytes({
    doc: 'Bytes of requests too large for one NATS message that wait or run now.',
    default: GIB,
    min: MIB,
    max: 1_024 * GIB,
  }),
  MAX_BODY_BYTES: option.bytes({
    doc:
      "Largest request body; a larger one gets a 413. NATS's own `max_payload` limits " +
      'it further.',
    default: 4 * MIB,
    min: KIB,
    max: 64 * MIB,
  }),
  BODY_TIMEOUT_MS: option.duration({
    doc: 'Longest time for a whole request to arrive; a slower one gets a 408.',
    default: 30_000,
    min: 1_000,
    max: 600_000,
  }),
  ...HTTP_GUARD_OPTIONS,
  STATUS_HOLD_MS: option.duration({
    doc:
      'How long the status line of a queued stream is held, so that a refusal still has ' +
      'its own status.',
    default: 5_000,
    min: 0,
    max: 60_000,
  }),
  HEARTBEAT_INTERVAL_MS: option.duration({
    doc:
      'A stream that is silent for this long gets a comment. Keep it below the idle ' +
      'time of every proxy on the way.',
    default: 15_000,
    min: 100,
    max: 300_000,
  }),
  DRAIN_TIMEOUT_MS: option.duration({
    doc:
      'How long open answers may go on after SIGTERM; what is left then ends with ' +
      '`shutting_down`.',
    default: 30_000,
    min: 1,
    max: 3_600_000,
  }),
});

export type GatewayConfig = Config<typeof GATEWAY_OPTIONS>;

/** @throws ConfigError with every problem, by name and never by value. */
export function readGatewayConfig(env: Environment = process.env): GatewayConfig {
  return option.readConfig(GATEWAY_OPTIONS, env, [...option.NATS_CHECKS, ...ACCOUNT_CHECKS]);
}

/** The key file of this environment, for the command that writes it. */
export function readKeysFilePath(env: Environment = process.env): string | undefined {
  return option.readConfig({ KEYS_FILE: ACCOUNT_OPTIONS.KEYS_FILE }, env).keysFile;
}
