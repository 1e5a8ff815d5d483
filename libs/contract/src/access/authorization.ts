/** The users of a nats-server, as a block of its configuration. */
import { NATS_ROLES, type NatsRole, permissionsOf } from './permissions.ts';

export interface NatsUser {
  readonly role: NatsRole;
  readonly name: string;
  /** As the server's configuration takes it: quoted text, a bcrypt hash, or `$VARIABLE`. */
  readonly password: string;
}

/** `authorization { ... }` with everything that each user may do, and nobody else anything. */
export function renderAuthorization(users: readonly NatsUser[], pools: readonly string[]): string {
  return ['authorization {', '  users: [', ...users.flatMap(renderUser), '  ]', '}', ''].join('\n');

  function renderUser({ role, name, password }: NatsUser): string[] {
    const { publish, subscribe } = permissionsOf(role, pools);
    return [
      '    {',
      `      user: ${JSON.stringify(name)}, password: ${password}`,
      '      permissions: {',
      ...renderList('publish', publish),
      ...renderList('subscribe', subscribe),
      '      }',
      '    }',
    ];
  }
}

/** Each role's user with its password from a variable of the server's environment. */
export function usersFromVariables(): NatsUser[] {
  return NATS_ROLES.map((role) => ({
    role,
    name: role,
    password: `$NATS_${role.toUpperCase()}_PASSWORD`,
  }));
}

function renderList(name: string, subjects: readonly string[]): string[] {
  const lines = subjects.map((subject) => `          ${JSON.stringify(subject)}`);
  return [`        ${name}: { allow: [`, ...lines, '        ] }'];
}
