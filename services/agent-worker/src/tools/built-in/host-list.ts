/** The hosts of FETCH_ALLOW: `example.com`, `*.example.com`, `example.com:8443`, or `*` for all. */
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const ENTRY = new RegExp(`^(?:\\*|(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*)(?::\\d{1,5})?$`);

/** Entries that cannot be read; empty: none. */
export function badHosts(list: readonly string[]): readonly string[] {
  return list.filter((entry) => !ENTRY.test(entry));
}

/** The entries of the variable. */
export function readHosts(text: string | undefined): readonly string[] {
  const entries = (text ?? '').split(',').map((entry) => entry.trim().toLowerCase());
  return entries.filter((entry) => entry !== '');
}

export function allowsHost(list: readonly string[], url: URL): boolean {
  // A name may end with a dot and is the same then.
  const host = url.hostname.toLowerCase().replace(/\.$/, '');
  return list.some((entry) => {
    const [name = '', port = ''] = entry.split(':');
    // Without a port, an entry means those of http and https.
    if (port !== url.port) return false;
    if (name === '*') return true;
    return name.startsWith('*.') ? host.endsWith(name.slice(1)) : host === name;
  });
}
