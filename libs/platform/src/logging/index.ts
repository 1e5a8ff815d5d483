export * from './error-fields.ts';
export * from './logger.ts';
export * from './nest-logger.ts';
