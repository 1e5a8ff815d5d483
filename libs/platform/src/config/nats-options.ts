/** How a service reaches NATS: the same variables in every service. */
import { secret, string, url } from './options.ts';
import { defineOptions } from './read-config.ts';
import type { Config } from './read-config.ts';

export const NATS_OPTIONS = defineOptions({
  NATS_URL: url({
    doc: 'NATS servers, separated by commas.',
    default: 'nats://127.0.0.1:4222',
    protocols: ['nats', 'tls'],
    list: true,
  }),
  NATS_USER: string({ doc: 'User for NATS, with `NATS_PASSWORD`.' }),
  NATS_PASSWORD: secret({ doc: 'Password for NATS.' }),
  NATS_TOKEN: secret({ doc: 'Token for NATS; excludes user and password.' }),
});

export type NatsConfig = Config<typeof NATS_OPTIONS>;

/** What must hold between them. */
export const NATS_CHECKS = [
  {
    variables: ['NATS_USER', 'NATS_TOKEN'],
    holds: ({ natsUser, natsToken }: NatsConfig) =>
      natsUser === undefined || natsToken === undefined,
    message: 'set only one of them',
  },
  {
    variables: ['NATS_USER', 'NATS_PASSWORD'],
    holds: ({ natsUser, natsPassword }: NatsConfig) =>
      (natsUser === undefined) === (natsPassword === undefined),
    message: 'set both or none',
  },
] as const;

/** The same as the transport's link wants it. */
export function natsAddress(config: NatsConfig): {
  servers: string;
  user: string | undefined;
  pass: string | undefined;
  token: string | undefined;
} {
  return {
    servers: config.natsUrl,
    user: config.natsUser,
    pass: config.natsPassword?.reveal(),
    token: config.natsToken?.reveal(),
  };
}
