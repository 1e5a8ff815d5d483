/**
 * Makes a clone ready to run: installs the dependencies, builds what changed, sets up nats-server.
 * It runs before `start`, `demo`, `bench` and `test`, on the system's own Node (20 or later) and
 * before anything is installed; so it is plain JavaScript without dependencies. When nothing
 * changed it only compares stamps. It speaks on stderr: stdout belongs to the command that follows.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR_MIN = 20;
const PNPM = 'pnpm@12.21.0';
const INSTALL_TIMEOUT_MS = 15 * 60_000;
const BUILD_TIMEOUT_MS = 5 * 60_000;
const OUTPUT_CHARACTERS_MAX = 200_000;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, 'node_modules', '.bin');
const stamps = join(root, 'node_modules', '.switchboard');
const lockFile = join(root, '.data', 'bootstrap.lock');

/** A failure the person at the keyboard can mend: printed without a stack. */
class BootstrapError extends Error {}

/** @param {string} line */
function say(line) {
  process.stderr.write(`${line}\n`);
}

function checkMachine() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < NODE_MAJOR_MIN) {
    throw new BootstrapError(
      `Switchboard needs Node.js ${NODE_MAJOR_MIN} or later, this is ${process.version}: ` +
        'install a newer one from https://nodejs.org and try again.',
    );
  }
  if (process.platform === 'win32') {
    throw new BootstrapError('Switchboard does not run on Windows itself: use it inside WSL.');
  }
}

/** The folders of the workspace that hold a package, the root first. */
function packageFolders() {
  const folders = [root];
  for (const group of ['libs', 'services', 'tools']) {
    const parent = join(root, group);
    if (!fs.existsSync(parent)) continue;
    for (const name of fs.readdirSync(parent).toSorted()) {
      if (fs.existsSync(join(parent, name, 'package.json'))) folders.push(join(parent, name));
    }
  }
  return folders;
}

/** What the installed dependencies follow from. */
function installFingerprint() {
  const hash = createHash('sha256').update(`${PNPM} ${process.platform} ${process.arch}`);
  const files = packageFolders().map((folder) => join(folder, 'package.json'));
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) files.push(join(root, file));
  for (const file of files) hash.update(`\n${file}\n`).update(fs.readFileSync(file));
  return hash.digest('hex');
}

/** True for a package that is compiled; the others run as they are. @param {string} folder */
function isBuilt(folder) {
  return fs.existsSync(join(folder, 'tsconfig.build.json'));
}

/** What the built files follow from, by time and size; turbo compares contents if these differ. */
function buildFingerprint() {
  const hash = createHash('sha256');
  /** @param {string} path */
  const add = (path) => {
    const { mtimeMs, size } = fs.statSync(path);
    hash.update(`${path} ${mtimeMs} ${size}\n`);
  };
  add(join(root, 'tsconfig.base.json'));
  for (const folder of packageFolders().slice(1)) {
    if (!isBuilt(folder)) continue;
    add(join(folder, 'package.json'));
    add(join(folder, 'tsconfig.build.json'));
    const source = join(folder, 'src');
    if (!fs.existsSync(source)) continue;
    for (const entry of fs.readdirSync(source, { recursive: true })) {
      if (!String(entry).endsWith('.spec.ts')) add(join(source, String(entry)));
    }
  }
  return hash.digest('hex');
}

/** @param {string} name @param {string} fingerprint */
function isCurrent(name, fingerprint) {
  const file = join(stamps, name);
  return fs.existsSync(file) && fs.readFileSync(file, 'utf8') === fingerprint;
}

/** @param {string} name @param {string} fingerprint */
function stamp(name, fingerprint) {
  fs.mkdirSync(stamps, { recursive: true });
  fs.writeFileSync(join(stamps, name), fingerprint);
}

/**
 * Runs a command to its end and returns its exit code and output, both streams together.
 * @param {string} command
 * @param {readonly string[]} parameters
 * @param {{ env: NodeJS.ProcessEnv, timeoutMs: number }} options
 * @returns {Promise<{ code: number | null, output: string }>}
 */
async function run(command, parameters, options) {
  const child = spawn(command, [...parameters], {
    cwd: root,
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: options.timeoutMs,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output = (output + text).slice(-OUTPUT_CHARACTERS_MAX);
    });
  }
  return await new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, output: String(error) }));
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** PATH without the `.bin` folders npm puts in front: the install replaces what is in them. */
function systemPath() {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.filter((folder) => !folder.endsWith(join('node_modules', '.bin'))).join(delimiter);
}

async function install() {
  const fingerprint = installFingerprint();
  if (isCurrent('install', fingerprint) && fs.existsSync(join(bin, 'node'))) return;
  const first = !fs.existsSync(bin);
  say(`Installing dependencies${first ? ' (first run, about 20 s)' : ''} …`);
  // CI makes pnpm ask nothing.
  const env = { ...process.env, PATH: systemPath(), CI: 'true' };
  const { code, output } = await run('npx', ['--yes', PNPM, 'install', '--frozen-lockfile'], {
    env,
    timeoutMs: INSTALL_TIMEOUT_MS,
  });
  if (code !== 0) throw new BootstrapError(explainInstall(output));
  stamp('install', fingerprint);
}

/** @param {string} output */
function explainInstall(output) {
  const lines = output.split('\n').filter((line) => !/^(npm warn|\s*\[?WARN\]?)/i.test(line));
  say(lines.join('\n').trim());
  if (/npx ENOENT/.test(output)) {
    return 'npm is missing: install Node.js with npm from https://nodejs.org and try again.';
  }
  if (/ERR_PNPM_OUTDATED_LOCKFILE|FROZEN_LOCKFILE/.test(output)) {
    return `pnpm-lock.yaml does not fit the package.json files: run \`npx ${PNPM} install\`.`;
  }
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|META_FETCH_FAIL/.test(output)) {
    return 'The npm registry cannot be reached: check the network and its proxy, and try again.';
  }
  if (/ENOSPC/.test(output)) return 'The disk is full: free about 1 GB and try again.';
  return 'Installing the dependencies failed: the output above says why. Mend that and try again.';
}

async function build() {
  const fingerprint = buildFingerprint();
  const complete = packageFolders().every(
    (folder) => !isBuilt(folder) || fs.existsSync(join(folder, 'dist')),
  );
  if (complete && isCurrent('build', fingerprint)) return;
  say('Building …');
  const { code, output } = await run(
    join(bin, 'turbo'),
    ['run', 'build', '--output-logs=errors-only'],
    {
      env: {
        ...process.env,
        PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`,
        TURBO_TELEMETRY_DISABLED: '1',
        TURBO_NO_UPDATE_NOTIFIER: '1',
      },
      timeoutMs: BUILD_TIMEOUT_MS,
    },
  );
  if (code !== 0) {
    say(output.trim());
    throw new BootstrapError('The build failed: correct the errors above and try again.');
  }
  stamp('build', fingerprint);
}

/** The resolver is TypeScript, so the installed Node runs it. It reports its own problems. */
async function setUpNatsServer() {
  const resolver = spawn(join(bin, 'node'), ['tools/external/src/main.ts', 'nats-server'], {
    cwd: root,
    env: { NODE_USE_ENV_PROXY: '1', ...process.env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const code = await new Promise((resolve, reject) => {
    resolver.once('error', reject);
    resolver.once('close', resolve);
  });
  if (code !== 0) process.exit(1);
}

/**
 * Holds a lock file while `work` runs, so that two commands started at once do not install into the
 * same folder. A lock whose process is gone is taken over.
 * @param {() => Promise<void>} work
 */
async function alone(work) {
  fs.mkdirSync(dirname(lockFile), { recursive: true });
  const deadline = Date.now() + INSTALL_TIMEOUT_MS;
  for (let waited = false; !tryLock(); waited = true) {
    if (!waited) say('Waiting for another command to finish installing or building …');
    if (Date.now() > deadline) {
      throw new BootstrapError(`Another command holds ${lockFile}: end it or delete that file.`);
    }
    await delay(200);
  }
  try {
    await work();
  } finally {
    fs.rmSync(lockFile, { force: true });
  }
}

function tryLock() {
  for (;;) {
    try {
      fs.writeFileSync(lockFile, String(process.pid), { flag: 'wx' });
      return true;
    } catch {
      if (isHeld()) return false;
      // Left by a process that was killed.
      fs.rmSync(lockFile, { force: true });
    }
  }
}

/** False when the process that took the lock is gone. */
function isHeld() {
  try {
    process.kill(Number(fs.readFileSync(lockFile, 'utf8')), 0);
    return true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // ENOENT: given back in this moment, so worth another look at once.
    return code !== 'ESRCH' && code !== 'ENOENT';
  }
}

try {
  checkMachine();
  await alone(async () => {
    await install();
    await build();
  });
  await setUpNatsServer();
} catch (error) {
  if (!(error instanceof BootstrapError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
