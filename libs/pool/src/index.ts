export * from './slot-pool.ts';
