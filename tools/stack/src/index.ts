export { childEnvironment, pick } from './child-environment.ts';
export { findStablePort, isPortFree } from './free-port.ts';
export { ManagedProcess, ProcessStartError, describeExit } from './managed-process.ts';
export type { Exit, ProcessOptions } from './managed-process.ts';
export { NatsServer, startNats } from './nats.ts';
export type { NatsOptions } from './nats.ts';
export { startGateway, startScript, startService, startSimulator, startWorker } from './service.ts';
export type {
  Gateway,
  GatewayOptions,
  ReadyLine,
  ServiceName,
  ServiceOptions,
  ServiceProcess,
  Simulator,
  Worker,
  WorkerOptions,
} from './service.ts';
export { Stack, startStack } from './stack.ts';
export type { StackOptions } from './stack.ts';
