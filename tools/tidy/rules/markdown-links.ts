import { posix } from 'node:path';
import { lineAt } from '../rule.ts';
import type { Problem, RepositoryFile, Rule } from '../rule.ts';

/** The text without code, where brackets mean something else. Lines stay. */
function withoutCode(text: string): string {
  const blank = (code: string) => code.replaceAll(/[^\n]/g, ' ');
  return text.replaceAll(/^(```+|~~~+)[\s\S]*?^\1/gm, blank).replaceAll(/`[^`\n]*`/g, blank);
}

interface Link {
  readonly target: string;
  readonly line: number;
}

function linksOf(text: string): Link[] {
  const plain = withoutCode(text);
  const inline = [...plain.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)];
  const references = [...plain.matchAll(/^[ \t]*\[[^\]]+\]:[ \t]*<?(\S+?)>?[ \t]*$/gm)];
  return [...inline, ...references].map((match) => ({
    target: match[1] ?? '',
    line: lineAt(plain, match.index),
  }));
}

/** The anchors that headings get: `## The queue, again` is `the-queue-again`. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const match of text.replaceAll(/^(```+)[\s\S]*?^\1/gm, '').matchAll(/^#{1,6}\s+(.*)$/gm)) {
    const slug = (match[1] ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-');
    let anchor = slug;
    for (let again = 1; anchors.has(anchor); again += 1) anchor = `${slug}-${again}`;
    anchors.add(anchor);
  }
  return anchors;
}

function problemOf(page: RepositoryFile, link: Link, files: readonly RepositoryFile[]): Problem[] {
  const { target, line } = link;
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return [];
  const [file = '', anchor] = target.split('#');
  const path = file === '' ? page.path : resolvePath(page.path, file);
  const found = files.find((one) => one.path === path);
  const isFolder = files.some((one) => path === '.' || one.path.startsWith(`${path}/`));
  if (found === undefined && !isFolder) {
    return [{ path: page.path, line, message: `${target}: there is no ${path}` }];
  }
  if (anchor === undefined || found === undefined || !path.endsWith('.md')) return [];
  if (anchorsOf(found.text).has(decodeURIComponent(anchor))) return [];
  return [{ path: page.path, line, message: `${target}: ${path} has no such heading` }];
}

function resolvePath(from: string, target: string): string {
  const decoded = decodeURIComponent(target);
  const joined = decoded.startsWith('/')
    ? decoded.slice(1)
    : posix.join(posix.dirname(from), decoded);
  return posix.normalize(joined).replace(/\/$/, '');
}

export const markdownLinks: Rule = {
  name: 'markdown-links',
  why: 'A link that leads nowhere costs every reader the same search.',
  check: (files) =>
    files
      .filter(({ path }) => path.endsWith('.md'))
      .flatMap((page) => linksOf(page.text).flatMap((link) => problemOf(page, link, files))),
};
