export * from './agent-profile.ts';
export * from './errors.ts';
export * from './limits.ts';
export * from './presence.ts';
export * from './run-events.ts';
export * from './run-request.ts';
export * from './subjects.ts';
