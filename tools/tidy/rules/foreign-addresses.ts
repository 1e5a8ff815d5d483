import { problemsAt } from '../rule.ts';
import type { Rule } from '../rule.ts';

/** Where people and build machines keep their clones and homes. */
const HOMES = ['home', 'Users', 'root', 'work', 'workspace', 'builds'];

const MACHINE_PATH = new RegExp(String.raw`(?<![\w.~}/-])/(${HOMES.join('|')})/[\w.@-]+`, 'g');
const DRIVE_PATH = /\b[A-Z]:\\\w+/g;
const REGISTRY = /https?:\/\/[\w.:-]*(registry|nexus|artifactory|verdaccio|goproxy|npm\.pkg)/g;
const REGISTRY_SETTING = /\b_authToken\b|^(@[\w-]+:)?registry\s*=.*$/gm;
const PRIVATE_ADDRESS = /https?:\/\/(10|192\.168|172\.(1[6-9]|2\d|3[01]))\.[\d.]+/g;

export const foreignAddresses: Rule = {
  name: 'foreign-addresses',
  why: 'A path or an address of one machine makes the repository work on that machine only.',
  check: (files) =>
    files.flatMap((file) => [
      ...problemsAt(file, MACHINE_PATH, (found) => `${found} is a path of one machine`),
      ...problemsAt(file, DRIVE_PATH, (found) => `${found} is a path of one machine`),
      ...[REGISTRY, REGISTRY_SETTING].flatMap((pattern) =>
        problemsAt(file, pattern, () => 'a registry belongs in the settings of its user'),
      ),
      ...problemsAt(file, PRIVATE_ADDRESS, (found) => `${found} is an address of one network`),
    ]),
};
