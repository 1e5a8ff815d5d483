export * from './barrier.ts';
export * from './cable.ts';
export * from './deferred.ts';
export * from './leak-guard.ts';
export * from './percentile.ts';
export * from './seeded-random.ts';
export * from './until.ts';
