export { NATS_SERVER, PROGRAMS } from './programs.ts';
export type { ExternalProgram, ReleaseArchive } from './programs.ts';
export { pythonEnvironment } from './python-environment.ts';
export type { PythonEnvironment, PythonPackages } from './python-environment.ts';
export { ProgramUnavailableError, cacheDirectory, resolveProgram } from './resolve.ts';
export type { ResolveOptions } from './resolve.ts';
