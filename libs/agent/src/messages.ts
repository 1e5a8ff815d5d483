/** Messages in the shape of OpenAI's chat completions: they fit every SDK that speaks it. */

export interface TextPart {
  type: 'text';
  text: string;
}

export type ContentPart =
  | TextPart
  | { type: 'image_url'; image_url: { url: string; detail?: 'auto' | 'low' | 'high' } }
  | { type: 'input_audio'; input_audio: { data: string; format: 'wav' | 'mp3' } };

/** A call of a tool, as the model wrote it. */
export interface ToolCall {
  id: string;
  type: 'function';
  function: {
    name: string;
    /** JSON, perhaps broken. */
    arguments: string;
  };
}

export interface AssistantMessage {
  role: 'assistant';
  content?: string | TextPart[] | null;
  refusal?: string | null;
  tool_calls?: ToolCall[];
  name?: string;
}

export interface ToolMessage {
  role: 'tool';
  content: string | TextPart[];
  tool_call_id: string;
}

export type Message =
  | { role: 'system' | 'developer'; content: string | TextPart[]; name?: string }
  | { role: 'user'; content: string | ContentPart[]; name?: string }
  | AssistantMessage
  | ToolMessage;
