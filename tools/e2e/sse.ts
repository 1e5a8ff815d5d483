/** One server-sent event, or several of its kind. */
export interface SseEvent {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: string;
}

/** Every whole event in a piece of a stream; comments and a cut last one are left out. */
export function sseEventsIn(stream: string): readonly SseEvent[] {
  return stream.split('\n\n').slice(0, -1).flatMap(parse);
}

/** The events of a stream as they come. Throws when the connection breaks. */
export async function* sseEvents(response: Response): AsyncGenerator<SseEvent> {
  if (response.body === null) return;
  let rest = '';
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const frames = (rest + text).split('\n\n');
    rest = frames.pop() ?? '';
    for (const frame of frames) yield* parse(frame);
  }
}

function parse(frame: string): SseEvent[] {
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}: (.*)$`, 'm').exec(frame)?.[1];
  const data = field('data');
  return data === undefined ? [] : [{ id: field('id'), event: field('event'), data }];
}
