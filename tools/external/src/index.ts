export { NATS_SERVER, PROGRAMS } from './programs.ts';
export type { ExternalProgram, ReleaseArchive } from './programs.ts';
export { ProgramUnavailableError, cacheDirectory, resolveProgram } from './resolve.ts';
export type { ResolveOptions } from './resolve.ts';
