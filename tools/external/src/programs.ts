/** The programs that are not npm packages: which version, from where, and how to check it. */

/** A release archive for one platform. */
export interface ReleaseArchive {
  /** The archive's name below the release's base URL; a tar.gz with one folder at the top. */
  readonly file: string;
  /** SHA-256 of the archive, lower-case hexadecimal. */
  readonly sha256: string;
}

export interface ExternalProgram {
  readonly name: string;
  /** The version that is downloaded or built. */
  readonly version: string;
  /** The oldest version on PATH that is used instead. */
  readonly minimumVersion: string;
  /** Arguments that make the program print its version. */
  readonly versionArguments: readonly string[];
  readonly releaseUrl: string;
  /** By `<process.platform>-<process.arch>`; a platform without an entry is built with Go. */
  readonly archives: Readonly<Record<string, ReleaseArchive>>;
  /** The Go package that `go install` builds, without its version. */
  readonly goPackage: string;
  /** The oldest Go that builds it. */
  readonly goVersion: string;
  /** How a person installs it by hand. */
  readonly installHint: string;
}

export const NATS_SERVER: ExternalProgram = {
  name: 'nats-server',
  version: '2.14.5',
  minimumVersion: '2.12.7',
  versionArguments: ['--version'],
  releaseUrl: 'https://github.com/nats-io/nats-server/releases/download/v2.14.5/',
  // The checksums are those in the Dockerfiles of nats-io/nats-docker.
  archives: {
    'linux-x64': {
      file: 'nats-server-v2.14.5-linux-amd64.tar.gz',
      sha256: '5e3b603d47c447bda1f77f9ac16dbf91c90aac4ff3681f8fbbc7201e4ed99355',
    },
    'linux-arm64': {
      file: 'nats-server-v2.14.5-linux-arm64.tar.gz',
      sha256: '673a98d3faa79dde3f9ebf16d6dfac36a5f694e7ad2015e4954dd7939c85cd4c',
    },
    'linux-arm': {
      file: 'nats-server-v2.14.5-linux-arm7.tar.gz',
      sha256: 'c8796b63a8603fdebabd63146ac3d3997c29a2829fdd2af6db320f4a287f2e71',
    },
  },
  goPackage: 'github.com/nats-io/nats-server/v2',
  goVersion: '1.25',
  installHint: '`brew install nats-server`, or a package of your system',
};

export const PROGRAMS: readonly ExternalProgram[] = [NATS_SERVER];
