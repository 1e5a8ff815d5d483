import type { ChatRequest } from './chat-request.ts';
import type { TextStyle } from './script.ts';

const LOREM = pieces(
  'Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut ' +
    'labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco ' +
    'laboris nisi ut aliquip ex ea commodo consequat.',
);

const CHAT = pieces(
  'Hello! I am the built-in simulator, not a real model, so I cannot think about your question. ' +
    'But your message came all the way to me, and my words travel back to you the same way, ' +
    'one at a time.',
);

/**
 * The tokens of an answer's text. With a `count` the text is cut or repeated to fit it.
 * Joined they are the text, to the letter.
 */
export function textTokens(
  style: TextStyle,
  request: ChatRequest,
  count: number | undefined,
): readonly string[] {
  const source = SOURCES[style](request);
  if (count === undefined || count === source.length) return source;
  return repeatTo(source.length === 0 ? LOREM : source, count);
}

/** Filler for the reasoning that comes before an answer. */
export function reasoningTokens(count: number): readonly string[] {
  return repeatTo(LOREM, count);
}

/** Cuts text into pieces of a word, or of 16 characters of a long word. */
export function pieces(text: string): readonly string[] {
  return text.match(/\s*\S{1,16}|\s+$/gu) ?? [];
}

/** Cuts the arguments of a call into pieces as small as models send them: 6 characters. */
export function argumentPieces(json: string): readonly string[] {
  return json.match(/.{1,6}/gsu) ?? [];
}

const SOURCES: Readonly<Record<TextStyle, (request: ChatRequest) => readonly string[]>> = {
  lorem: () => LOREM,
  chat: () => CHAT,
  echo: (request) => pieces(request.lastUserText),
  request: (request) => pieces(request.body),
  parts: (request) => pieces(JSON.stringify(request.parts)),
};

function repeatTo(source: readonly string[], count: number): readonly string[] {
  if (count <= source.length) return source.slice(0, count);
  const tokens = [...source];
  for (let index = source.length; index < count; index += 1) {
    const token = source[index % source.length] ?? '';
    // Where the text starts over, its first word must not grow together with the last one.
    tokens.push(index % source.length === 0 ? ` ${token.trimStart()}` : token);
  }
  return tokens;
}
