export { createClient } from './client.ts';
export type { Client, ClientOptions } from './client.ts';
export type { Agent, CallOptions, Message, PendingCall } from './agent.ts';
export type { AgentStream, FollowOptions } from './agent-stream.ts';
export type { BackgroundRun, WaitOptions } from './background-run.ts';
export { AgentError } from './errors.ts';
