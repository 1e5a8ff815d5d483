/** The message on the request queue: one accepted run, waiting for a slot. */
import { z } from 'zod';

/**
 * The caller's chat completion request, checked by the gateway and passed through to the provider.
 * `model` and `stream` have been taken out: the agent profile decides the model.
 */
export const ChatRequest = z.looseObject({
  messages: z.array(z.looseObject({ role: z.string() })),
});
export type ChatRequest = z.infer<typeof ChatRequest>;

/**
 * What becomes of a run whose readers have all left.
 * - `cancel`: it is cancelled at once.
 * - `resume`: it is cancelled when nobody has come back within its resume window.
 * - `continue`: it goes on to its end.
 */
export const OnDisconnect = z.enum(['cancel', 'resume', 'continue']);
export type OnDisconnect = z.infer<typeof OnDisconnect>;

export const RunRequest = z.object({
  /** Format of this message. */
  v: z.literal(1),
  run: z.string(),
  /** The HTTP request id, for logs and for the provider's. */
  requestId: z.string(),
  /** Name of the agent profile. */
  agent: z.string(),
  /**
   * The model named by the caller when a wildcard profile (`name: 'sim/*'`) matched, without its
   * prefix.
   */
  model: z.string().optional(),
  /** Whether the caller wants the answer as a stream. */
  stream: z.boolean(),
  chat: ChatRequest,
  /** What becomes of a conversation that is longer than the model takes; default: the agent's. */
  truncation: z.enum(['auto', 'disabled']).optional(),
  /**
   * Where the object store holds `chat` as JSON when it is larger than a message may be; `chat` has
   * no messages then.
   */
  input: z.string().optional(),
  /**
   * Longest time in the queue, milliseconds; checked again by the worker that takes the request.
   */
  queueTimeoutMs: z.number().int().positive(),
  onDisconnect: OnDisconnect.default('cancel'),
  /** How long a run whose gateway died, or whose readers left, waits for one to come back. */
  resumeWindowMs: z.number().int().min(0).default(0),
});
export type RunRequest = z.infer<typeof RunRequest>;
