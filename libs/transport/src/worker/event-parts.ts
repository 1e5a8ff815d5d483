/** Run events as JSON, in parts that a message can carry. */
import type { RunEvent } from '@switchboard/contract';

/** Longer texts are cut into several events, so that no message outgrows what NATS carries. */
const TEXT_CHARS_MAX = 65_536;
/** Events are packed into messages of about this size at most. */
export const MESSAGE_CHARS_MAX = 131_072;
export const MESSAGE_EVENTS_MAX = 512;

/** The JSON of one event, or of the several that its text is cut into. */
export function toParts(event: RunEvent): readonly string[] {
  if (event.type === 'tool.call') {
    const { arguments: text = '', ...rest } = event;
    if (text.length <= TEXT_CHARS_MAX) return [JSON.stringify(event)];
    const { type, index } = event;
    return cut(text).map((part, position) =>
      JSON.stringify({ ...(position === 0 ? rest : { type, index }), arguments: part }),
    );
  }
  const isText =
    event.type === 'text.delta' ||
    event.type === 'reasoning.delta' ||
    event.type === 'refusal.delta';
  if (!isText || event.text.length <= TEXT_CHARS_MAX) return [JSON.stringify(event)];
  const { type } = event;
  return cut(event.text).map((text, position) =>
    JSON.stringify(position === 0 ? { ...event, text } : { type, text }),
  );
}

/** Parts of at most TEXT_CHARS_MAX that never divide a character. */
function cut(text: string): string[] {
  const parts: string[] = [];
  for (let from = 0; from < text.length;) {
    let to = Math.min(from + TEXT_CHARS_MAX, text.length);
    const unit = text.charCodeAt(to - 1);
    if (to < text.length && unit >= 0xd800 && unit <= 0xdbff) to -= 1;
    parts.push(text.slice(from, to));
    from = to;
  }
  return parts;
}
