export * from './agents-file.ts';
export * from './config-error.ts';
export * from './configuration-table.ts';
export * from './nats-options.ts';
export * from './options.ts';
export * from './read-config.ts';
export * from './secret.ts';
