import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { Socket } from 'node:net';

/**
 * Kills what this process has started when this process is gone, however it went. A shell waits at
 * the end of a pipe; the system closes the pipe even after a SIGKILL, and the shell then kills the
 * process groups that are still registered and removes their folders. It ignores the terminal's
 * signals, because Ctrl-C must reach the children only through their launcher.
 */
const SCRIPT = `
trap '' HUP INT TERM
groups=' '
while read -r word value; do
  case $word in
    guard) groups="$groups$value " ;;
    release)
      case $groups in
        *" $value "*) groups="\${groups%%" $value "*} \${groups#*" $value "}" ;;
      esac ;;
    folder) set -- "$@" "$value" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
if [ $# -gt 0 ]; then sleep 0.3; rm -rf -- "$@"; fi
`;

let pipe: Writable | undefined;

/** Registers a process group, named by its leader, for killing at the end of this process. */
export function guardGroup(pid: number): void {
  tell(`guard ${pid}`);
}

/** Forgets a group whose leader has ended, because its number may be used again. */
export function releaseGroup(pid: number): void {
  tell(`release ${pid}`);
}

/** Registers a temporary folder for removal at the end of this process. */
export function guardFolder(path: string): void {
  tell(`folder ${path}`);
}

function tell(line: string): void {
  pipe ??= startGuardian();
  pipe.write(`${line}\n`);
}

function startGuardian(): Writable {
  const guardian = spawn('/bin/sh', ['-c', SCRIPT, 'switchboard-guardian'], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const stdin: Writable = guardian.stdin;
  // Without a guardian the launcher still stops its children itself, so its loss is no failure.
  guardian.on('error', () => undefined);
  stdin.on('error', () => undefined);
  guardian.unref();
  if (stdin instanceof Socket) stdin.unref();
  return stdin;
}
