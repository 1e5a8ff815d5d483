/** The script language for `--help`. README.md has the same as a table. */
export const SCRIPT_HELP = `\
llm-simulator: an OpenAI-compatible model server that does what a script says.

Environment: HOST (127.0.0.1), PORT (0 = any free port).
Routes: POST /v1/chat/completions, POST /v1/responses, GET /v1/models, GET /script (this text),
GET /stats, GET /log?request=<x-request-id>, POST /reset, GET /livez.

A script is key=value,key=value and comes as the model's name (sim/ in front is allowed) or in the
header x-simulator-script, which wins. A model name without = answers like a small chat model:
300 ms of thinking, then 40 tokens, 30 ms apart. In a script all that is not named is 0 or absent.
Times are 300, 300ms or 2s. An answer takes think + tokens x pace, streamed or not.

  think=TIME           time before the first token (or before error= and status_html=)
  tokens=N             number of tokens; default: 20 of lorem, else the whole text
  pace=TIME            time from one token to the next, and from the last one to the end
  jitter=FRACTION|TIME spreads every wait, up to this much (0..1 of it, or a time) more or less
  seed=N               seed of the jitter (1); with the same x-request-id the waits are the same
  text=lorem|echo|chat|request|parts
                       echo: the last user message; request: the JSON body as it came;
                       parts: JSON of how many messages, texts, images, files, audios it had
  tool=NAME            calls this function if the request has it, unless its result comes last;
                       a+b calls both at once, a>b first a, and b when a's result comes last
  always=1             calls again after the last of them, whatever the request has or wants
  call_id=ID           id of the first call of every answer (others: ID_1...); default: a new one
  args=JSON|auto       arguments of the call; auto (default): some that fit its JSON schema
  reasoning=N          first N tokens of reasoning_content
  finish=stop|length|content_filter
                       finish_reason; max_tokens of the request also gives length

The request's tool_choice calls a function without a script too: the one it names, or with
required the first one; none calls none. After that function's result the answer is in words.

One fault a script:
  error=400|401|429|500|503   with retry_after=SECONDS (fractions too, in retry-after-ms)
  status_html=1               502 with a page of HTML
  hang=1                      never answers, not even with headers
  cut=N                       destroys the socket after N tokens
  stall=N                     sends nothing more after N tokens (0: headers only)
  malformed=N                 a chunk of broken JSON after N tokens, then the end
  error_chunk=N               a chunk with an error after N tokens, then the end
  times=N                     the fault strikes the first N requests with the same x-request-id
`;
