import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';

import type { ExternalProgram, ResolveOptions } from '../src/index.ts';
import { ProgramUnavailableError, resolveProgram } from '../src/index.ts';

/** A shell script that says it is version 2.3.4 of `fake-program`. */
const SCRIPT = '#!/bin/sh\necho "fake-program: v2.3.4"\n';

describe('the resolver of external programs', () => {
  let root = '';
  let archive = Buffer.alloc(0);
  let server: Server;
  let answer: RequestListener;
  let requests = 0;

  before(async () => {
    root = await fs.mkdtemp(join(tmpdir(), 'switchboard-external-'));
    const folder = join(root, 'fake-program-v2.3.4');
    await fs.mkdir(folder);
    await fs.writeFile(join(folder, 'fake-program'), SCRIPT, { mode: 0o755 });
    const file = join(root, 'fake-program-v2.3.4.tar.gz');
    execFileSync('tar', ['-czf', file, '-C', root, 'fake-program-v2.3.4']);
    archive = await fs.readFile(file);
    server = createServer((request, response) => {
      requests += 1;
      answer(request, response);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  });

  after(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    await fs.rm(root, { recursive: true });
  });

  beforeEach(() => {
    requests = 0;
    answer = (_request, response) => void response.end(archive);
  });

  function program(changes: Partial<ExternalProgram> = {}): ExternalProgram {
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    return {
      name: 'fake-program',
      version: '2.3.4',
      minimumVersion: '2.3.0',
      versionArguments: ['--version'],
      releaseUrl: `http://127.0.0.1:${address.port}/`,
      archives: {
        here: {
          file: 'fake-program-v2.3.4.tar.gz',
          sha256: createHash('sha256').update(archive).digest('hex'),
        },
      },
      goPackage: 'example.invalid/fake-program',
      goVersion: '1.25',
      installHint: '`brew install fake-program`',
      ...changes,
    };
  }

  /** A cache of its own, and a PATH with only what a download needs: no Go, no program. */
  async function options(path = '/usr/bin:/bin'): Promise<ResolveOptions> {
    const cache = await fs.mkdtemp(join(root, 'cache-'));
    return {
      env: { PATH: path, SWITCHBOARD_CACHE: cache },
      platform: 'here',
      times: { connectTimeoutMs: 10_000, totalTimeoutMs: 20_000 },
    };
  }

  it('downloads, checks, unpacks and caches a program, and asks the network once', async () => {
    const used = await options();
    const first = await resolveProgram(program(), used);
    assert.match(execFileSync(first, { encoding: 'utf8' }), /2\.3\.4/);
    assert.equal(await resolveProgram(program(), used), first);
    assert.equal(requests, 1);
    assert.deepEqual(await scratchFolders(used), []);
  });

  it('follows redirects, as a release host sends them', async () => {
    answer = (request, response) => {
      if (request.url?.startsWith('/moved') === true) response.end(archive);
      else response.writeHead(302, { location: '/moved.tar.gz' }).end();
    };
    assert.match(await resolveProgram(program(), await options()), /fake-program-2\.3\.4$/);
  });

  it('refuses an archive with another checksum and leaves nothing in the cache', async () => {
    answer = (_request, response) => void response.end('something else');
    const used = await options();
    await assert.rejects(resolveProgram(program(), used), /checksum of fake-program/);
    assert.deepEqual(await fs.readdir(join(used.env?.['SWITCHBOARD_CACHE'] ?? '', 'bin')), []);
  });

  it('gives up soon on a host that never answers, and names three ways to fix it', async () => {
    answer = () => undefined;
    const hasty = { ...(await options()), times: { connectTimeoutMs: 300, totalTimeoutMs: 5_000 } };
    await assert.rejects(resolveProgram(program(), hasty), (error) => {
      assert.ok(error instanceof ProgramUnavailableError);
      assert.match(error.message, /no answer from 127\.0\.0\.1:\d+ within 0\.3 s/);
      assert.match(error.message, /Go is not installed/);
      assert.match(error.message, /on PATH \(`brew .* github\.com; install Go 1\.25 or later\.$/);
      return true;
    });
  });

  it('says which status a host without the file answered', async () => {
    answer = (_request, response) => void response.writeHead(404).end();
    await assert.rejects(resolveProgram(program(), await options()), /answered 404/);
  });

  it('says that a host cannot be reached', async () => {
    const away = program({ releaseUrl: 'http://127.0.0.1:1/' });
    await assert.rejects(resolveProgram(away, await options()), /127\.0\.0\.1:1 cannot be reached/);
  });

  it('prefers a good version on PATH and skips one that is too old', async () => {
    const path = `${join(root, 'fake-program-v2.3.4')}:/usr/bin:/bin`;
    const found = await resolveProgram(program(), await options(path));
    assert.equal(found, join(root, 'fake-program-v2.3.4', 'fake-program'));
    assert.equal(requests, 0);

    const newer = program({ minimumVersion: '2.10.0' });
    assert.match(await resolveProgram(newer, await options(path)), /bin\/fake-program-2\.3\.4$/);
    assert.equal(requests, 1);
  });

  it('serves many callers at once from an empty cache', async () => {
    const used = await options();
    const found = await Promise.all(
      Array.from({ length: 8 }, async () => await resolveProgram(program(), used)),
    );
    assert.equal(new Set(found).size, 1);
    assert.deepEqual(await scratchFolders(used), []);
  });
});

async function scratchFolders(used: ResolveOptions): Promise<string[]> {
  const names = await fs.readdir(join(used.env?.['SWITCHBOARD_CACHE'] ?? '', 'bin'));
  return names.filter((name) => name.startsWith('.'));
}
