/** The page at `/docs`: Swagger UI from the installed package. Nothing is loaded from elsewhere. */
import { readFile } from 'node:fs/promises';

/** The only files of the package that are served, with their types. */
const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Switchboard API</title>
    <link rel="icon" type="image/png" href="/docs/favicon-32x32.png" />
    <link rel="stylesheet" href="/docs/swagger-ui.css" />
  </head>
  <body>
    <div id="ui"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;

// Without validatorUrl: null the page would send the address of the document to a public validator.
const START = `SwaggerUIBundle({ url: '/docs/json', dom_id: '#ui', validatorUrl: null });\n`;

export interface DocsFile {
  readonly type: string;
  readonly body: string | Buffer;
}

export class DocsPage {
  readonly #json: string;
  readonly #assets = new Map<string, Buffer>();

  constructor(document: object) {
    this.#json = JSON.stringify(document);
  }

  /**
   * The file `name` of the folder `/docs`; the empty name is the page. Undefined: there is none.
   */
  async file(name: string): Promise<DocsFile | undefined> {
    if (name === '') return { type: 'text/html; charset=utf-8', body: PAGE };
    if (name === 'json') return { type: 'application/json; charset=utf-8', body: this.#json };
    if (name === 'start.js') return { type: 'text/javascript; charset=utf-8', body: START };
    const type = Object.hasOwn(ASSETS, name) ? ASSETS[name] : undefined;
    return type === undefined ? undefined : { type, body: await this.#asset(name) };
  }

  async #asset(name: string): Promise<Buffer> {
    const known = this.#assets.get(name);
    if (known !== undefined) return known;
    const folder = import.meta.resolve('swagger-ui-dist/package.json');
    const body = await readFile(new URL(name, folder));
    this.#assets.set(name, body);
    return body;
  }
}
