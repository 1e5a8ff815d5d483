/** `node tools/external/src/main.ts nats-server`: prints the path of the program. */
import { PROGRAMS } from './programs.ts';
import { ProgramUnavailableError, resolveProgram } from './resolve.ts';

const name = process.argv[2];
const program = PROGRAMS.find((candidate) => candidate.name === name);
if (program === undefined) {
  const known = PROGRAMS.map((candidate) => candidate.name).join(', ');
  process.stderr.write(`Say which program to set up: ${known}.\n`);
  process.exitCode = 2;
} else {
  try {
    const path = await resolveProgram(program, {
      onProgress: (line) => void process.stderr.write(`${line}\n`),
    });
    process.stdout.write(`${path}\n`);
  } catch (error) {
    if (!(error instanceof ProgramUnavailableError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
