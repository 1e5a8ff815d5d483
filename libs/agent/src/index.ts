export { defineAgent, isAgent } from './agent.ts';
export type { Agent, AgentContext, AgentRequest, AgentSettings, Log } from './agent.ts';
export { defineTool, isTool, parametersOf, readInput } from './tool.ts';
export type { Tool, ToolContext, ToolDefinition } from './tool.ts';
export { AgentError, ToolError, isAgentError, isToolError } from './errors.ts';
export type { AgentErrorCode, AgentErrorDetails } from './errors.ts';
export type { AgentEvent, AgentOutput, AgentResult, Usage } from './events.ts';
export type {
  AssistantMessage,
  ContentPart,
  Message,
  TextPart,
  ToolCall,
  ToolMessage,
} from './messages.ts';
export type { Endpoint, Model, ModelAnswer, ModelCall, ModelEvent } from './model.ts';
export type { FunctionTool, Tools } from './tools.ts';
export type { Schema } from './schema.ts';
