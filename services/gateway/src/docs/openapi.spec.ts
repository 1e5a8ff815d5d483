import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DocsPage } from './docs-page.ts';
import { openApiDocument } from './openapi.ts';

interface Schema {
  readonly properties: Record<string, { readonly description?: string }>;
  readonly required: readonly string[];
}
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
  readonly components: { readonly schemas: Record<string, Schema> };
}

const document = openApiDocument('1.2.3') as Document;

describe('the OpenAPI document', () => {
  it('is printed from the schema that checks requests', () => {
    assert.match(document.openapi, /^3\.1\./);
    const request = document.components.schemas['ChatCompletionRequest'];
    assert.deepEqual(request?.required, ['model', 'messages']);
    for (const field of ['temperature', 'tools', 'response_format', 'stream_options']) {
      assert.ok(request?.properties[field] !== undefined, field);
    }
  });

  it('refers only to schemas it has', () => {
    const text = JSON.stringify(document);
    const names = [...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map((match) => match[1]);
    assert.ok(names.length > 0);
    for (const name of names) {
      assert.ok(document.components.schemas[name ?? ''] !== undefined, name ?? 'no name');
    }
  });

  it('has every status that a chat request can be answered with', () => {
    const responses = document.paths['/v1/chat/completions']?.['post']?.responses ?? {};
    const statuses = [
      '200',
      '400',
      '404',
      '408',
      '409',
      '410',
      '413',
      '415',
      '429',
      '500',
      '502',
      '503',
      '504',
    ];
    assert.deepEqual(Object.keys(responses), statuses);
  });
});

describe('the page at /docs', () => {
  it('loads nothing from elsewhere, and only files that are served', async () => {
    const page = new DocsPage(document);
    const html = String((await page.file(''))?.body);
    assert.doesNotMatch(html, /https?:\/\//);
    const paths = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    for (const path of paths) {
      assert.ok(path.startsWith('/docs/'), path);
      const file = await page.file(path.slice('/docs/'.length));
      assert.ok((file?.body.length ?? 0) > 0, path);
    }
  });

  it('serves no other file of the package', async () => {
    const page = new DocsPage(document);
    for (const name of ['package.json', '../zod/package.json', '__proto__', 'index.html']) {
      assert.equal(await page.file(name), undefined, name);
    }
  });
});
