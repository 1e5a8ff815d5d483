export * from './health-report.ts';
export * from './health-server.ts';
