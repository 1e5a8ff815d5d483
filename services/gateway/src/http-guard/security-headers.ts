import type { ServerResponse } from 'node:http';

/** Nothing on the page at `/docs` comes from elsewhere; Swagger UI sets styles from its script. */
export const DOCS_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** On every answer. Answers are a caller's own: no cache on the way may keep them. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
};

const LIST = Object.entries(SECURITY_HEADERS);

/** Before anything else is said, so that what is written past the framework has them too. */
export function setSecurityHeaders(response: ServerResponse): void {
  for (const [name, value] of LIST) response.setHeader(name, value);
}
