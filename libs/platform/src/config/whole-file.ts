/** Files of bounded size, read as a whole: nothing of a file that is being written. */
import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { ConfigError } from './config-error.ts';
import { fileErrorCode } from './read-config.ts';

export interface FileBounds {
  /** The variable that names the file: problems begin with it. */
  readonly variable: string;
  readonly path: string;
  readonly maxBytes: number;
}

/** A file that is being written is read again at once, so many times. */
const TORN_READS_MAX = 5;

export interface Reading {
  readonly text: string;
  readonly signature: string;
}

/** @throws ConfigError when the file cannot be read, or is too large. */
export async function readWhole(options: FileBounds): Promise<Reading> {
  for (let read = 0; read < TORN_READS_MAX; read += 1) {
    const whole = await readOnce(options);
    if (whole !== undefined) return whole;
  }
  throw problemOf(options, 'the file changes while it is read');
}

/** Undefined when the file changed meanwhile. Never waits for the writer of a pipe. */
async function readOnce(options: FileBounds): Promise<Reading | undefined> {
  let file: FileHandle;
  try {
    file = await open(options.path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (thrown) {
    throw problemOf(options, `the file cannot be read (${fileErrorCode(thrown)})`);
  }
  try {
    const before = await file.stat({ bigint: true });
    if (!before.isFile()) throw problemOf(options, 'is not a regular file');
    if (before.size > options.maxBytes) {
      throw problemOf(options, `the file is larger than ${options.maxBytes} bytes`);
    }
    const size = Number(before.size);
    // One byte more than there should be: a file that grows is not read to its end for ever.
    const buffer = Buffer.alloc(size + 1);
    const read = await fill(file, buffer);
    const after = await file.stat({ bigint: true });
    const signature = signatureOf(after);
    if (read !== size || signature !== signatureOf(before)) return undefined;
    return { text: buffer.toString('utf8', 0, size), signature };
  } finally {
    await file.close();
  }
}

async function fill(file: FileHandle, buffer: Buffer): Promise<number> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

interface FileState {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/**
 * What changes with the file. Follows links, so that the target of one counts: a mounted secret is
 * swapped that way. @throws ConfigError
 */
export async function signatureAt(options: FileBounds): Promise<string> {
  try {
    return signatureOf(await stat(options.path, { bigint: true }));
  } catch (thrown) {
    throw problemOf(options, `the file cannot be read (${fileErrorCode(thrown)})`);
  }
}

function signatureOf({ dev, ino, size, mtimeNs, ctimeNs }: FileState): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

function problemOf({ variable }: FileBounds, problem: string): ConfigError {
  return new ConfigError([`${variable}: ${problem}`]);
}
