/**
 * Reading code without a parser: TypeScript 7 offers its syntax tree only through a separate
 * process and an interface it calls unstable, and the rules need no more than this.
 */

/**
 * The text with the contents of comments, strings, template texts and regular expressions replaced
 * by spaces. Length, lines and quotes stay, so that places found in it are places of the original.
 */
export function maskText(text: string): string {
  const masked = text.split('');
  /** Open `${`: how many braces deep each one is. */
  const holes: number[] = [];
  let at = 0;
  const blankTo = (end: number) => {
    for (; at < end; at += 1) if (text[at] !== '\n') masked[at] = ' ';
  };
  while (at < text.length) {
    const char = text[at] ?? '';
    if (text.startsWith('//', at)) blankTo(endOf(text, at, '\n'));
    else if (text.startsWith('/*', at)) blankTo(endOf(text, at + 2, '*/') + 2);
    else if (char === "'" || char === '"') {
      at += 1;
      blankTo(endOfQuoted(text, at, char));
      at += 1;
    } else if (char === '`' || (char === '}' && holes.at(-1) === 0)) {
      if (char === '}') holes.pop();
      at += 1;
      const end = endOfTemplate(text, at);
      blankTo(end);
      if (text[end] === '$') holes.push(0);
      at = text[end] === '$' ? end + 2 : end + 1;
    } else if (char === '/' && beginsRegex(text, at)) {
      at += 1;
      blankTo(endOfRegex(text, at));
      at += 1;
    } else {
      countBrace(holes, char);
      at += 1;
    }
  }
  return masked.join('');
}

export interface ImportedModule {
  /** What stands between the quotes: `./x.ts`, `node:fs`, `@switchboard/pool`. */
  readonly specifier: string;
  readonly line: number;
}

/** Every import and re-export with a literal name, `import()` and types included. */
export function importsOf(text: string): ImportedModule[] {
  const pattern = /(?:\bfrom\s+|\bimport\s+|\bimport\(\s*|\brequire\(\s*)(['"])( *)\1/g;
  return [...maskText(text).matchAll(pattern)].map((match) => {
    const end = match.index + match[0].length - 1;
    const begin = end - (match[2] ?? '').length;
    return { specifier: text.slice(begin, end), line: text.slice(0, begin).split('\n').length };
  });
}

function countBrace(holes: number[], char: string): void {
  const depth = holes.at(-1);
  if (depth === undefined) return;
  if (char === '{') holes[holes.length - 1] = depth + 1;
  if (char === '}') holes[holes.length - 1] = depth - 1;
}

function endOf(text: string, from: number, mark: string): number {
  const end = text.indexOf(mark, from);
  return end === -1 ? text.length : end;
}

function endOfQuoted(text: string, from: number, quote: string): number {
  let at = from;
  while (at < text.length && text[at] !== quote && text[at] !== '\n') {
    at += text[at] === '\\' ? 2 : 1;
  }
  return Math.min(at, text.length);
}

/** The place of the closing backtick or of the next `${`. */
function endOfTemplate(text: string, from: number): number {
  let at = from;
  while (at < text.length && text[at] !== '`' && !text.startsWith('${', at)) {
    at += text[at] === '\\' ? 2 : 1;
  }
  return Math.min(at, text.length);
}

/** A slash divides after a name, a number or a closing bracket; elsewhere it begins a pattern. */
function beginsRegex(text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - 80), at).trimEnd();
  return (
    /(^|[(,=:[!&|?{};+\-*%<>~^])$/.test(before) || /\b(return|typeof|case|in|of)$/.test(before)
  );
}

function endOfRegex(text: string, from: number): number {
  let inClass = false;
  let at = from;
  while (at < text.length && text[at] !== '\n') {
    const char = text[at];
    if (char === '/' && !inClass) return at;
    if (char === '[') inClass = true;
    if (char === ']') inClass = false;
    at += char === '\\' ? 2 : 1;
  }
  return Math.min(at, text.length);
}
