export { stolenSeconds } from './stolen-time.ts';
export { writeAgentsFile } from './agents-file.ts';
export type { Agent } from './agents-file.ts';
export { askJetStream } from './ask-jetstream.ts';
export type { AskOptions, JetStreamAnswer } from './ask-jetstream.ts';
export { childEnvironment, pick } from './child-environment.ts';
export { findStablePort, isPortFree } from './free-port.ts';
export { ManagedProcess, ProcessStartError, describeExit } from './managed-process.ts';
export type { Exit, ProcessOptions } from './managed-process.ts';
export { NatsAccess } from './nats-access.ts';
export type { NatsCredentials } from './nats-access.ts';
export { NatsServer, startNats } from './nats.ts';
export type { ClusterMember, NatsOptions } from './nats.ts';
export { NatsCluster, startNatsCluster } from './nats-cluster.ts';
export type { NatsClusterOptions } from './nats-cluster.ts';
export { cpuBetween, usageOf } from './process-usage.ts';
export type { NamedProcess, ProcessUsage, UsageByName } from './process-usage.ts';
export { untilReady } from './ready.ts';
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
export { StreamMonitor } from './stream-monitor.ts';
export type { StreamState } from './stream-monitor.ts';
