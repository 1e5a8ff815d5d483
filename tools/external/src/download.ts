import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

import type { ReleaseArchive } from './programs.ts';

const run = promisify(execFile);

export interface DownloadTimes {
  /** How long to wait for the server's first answer, milliseconds. */
  readonly connectTimeoutMs: number;
  /** How long the whole download may take, milliseconds. */
  readonly totalTimeoutMs: number;
}

/** Far above any release archive; a wrong URL must not fill the disk. */
const ARCHIVE_BYTES_MAX = 200 * 1024 * 1024;

/**
 * Downloads a release archive, checks its SHA-256 and unpacks the program `name` into `directory`.
 * Returns the program's path. Throws an Error whose message is a clause that says what went wrong.
 */
export async function downloadProgram(
  name: string,
  releaseUrl: string,
  archive: ReleaseArchive,
  directory: string,
  times: DownloadTimes,
): Promise<string> {
  const url = new URL(archive.file, releaseUrl);
  const archivePath = join(directory, 'archive.tar.gz');
  const sha256 = await fetchToFile(url, archivePath, times);
  if (sha256 !== archive.sha256) {
    throw new Error(`the checksum of ${archive.file} is wrong (${sha256})`);
  }
  // The release puts everything into one folder, named after the archive.
  const folder = archive.file.replace(/\.tar\.gz$/, '');
  const member = `${folder}/${name}`;
  try {
    await run('tar', ['-xzf', archivePath, '-C', directory, member]);
  } catch (error) {
    throw new Error(`tar could not unpack ${member} from ${archive.file}`, { cause: error });
  }
  return join(directory, folder, name);
}

/** Saves a URL's body and returns its SHA-256. */
async function fetchToFile(url: URL, path: string, times: DownloadTimes): Promise<string> {
  const abort = new AbortController();
  let late = `no answer from ${url.host} within ${times.connectTimeoutMs / 1000} s`;
  const connectTimer = setTimeout(() => abort.abort(), times.connectTimeoutMs);
  const totalTimer = setTimeout(() => abort.abort(), times.totalTimeoutMs);
  try {
    const response = await fetch(url, { redirect: 'follow', signal: abort.signal });
    clearTimeout(connectTimer);
    late = `the download took longer than ${times.totalTimeoutMs / 1000} s`;
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new Error(`${url.host} answered ${response.status}`);
    }
    const hash = createHash('sha256');
    await pipeline(
      Readable.fromWeb(response.body),
      bounded((chunk) => hash.update(chunk)),
      createWriteStream(path),
      { signal: abort.signal },
    );
    return hash.digest('hex');
  } catch (error) {
    if (abort.signal.aborted) throw new Error(late, { cause: error });
    if (error instanceof TypeError) {
      throw new Error(`${url.host} cannot be reached`, { cause: error });
    }
    throw error;
  } finally {
    clearTimeout(connectTimer);
    clearTimeout(totalTimer);
  }
}

/** Passes chunks on, shows each to `look`, and fails above the size limit. */
function bounded(look: (chunk: Uint8Array) => void): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      bytes += chunk.byteLength;
      if (bytes > ARCHIVE_BYTES_MAX) {
        done(new Error(`the archive is larger than ${ARCHIVE_BYTES_MAX} bytes`));
        return;
      }
      look(chunk);
      done(null, chunk);
    },
  });
}
