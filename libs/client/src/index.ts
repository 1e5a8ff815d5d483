export { createClient } from './client.ts';
export type { Client, ClientOptions } from './client.ts';
export type { Agent, CallOptions, Message, PendingCall } from './agent.ts';
export type { AgentStream } from './agent-stream.ts';
export type { BackgroundRun, FollowOptions } from './background-run.ts';
export { AgentError } from './errors.ts';
