import type { Rule } from '../rule.ts';
import { changelog } from './changelog.ts';
import { codeFolders } from './code-folders.ts';
import { codeSize } from './code-size.ts';
import { environment } from './environment.ts';
import { errorCodes } from './error-codes.ts';
import { fileWeight } from './file-weight.ts';
import { foreignAddresses } from './foreign-addresses.ts';
import { importDirections } from './import-directions.ts';
import { markdownLinks } from './markdown-links.ts';
import { openEnds } from './open-ends.ts';
import { packageDoors } from './package-doors.ts';
import { wholeSpecs } from './whole-specs.ts';

/** Every rule that needs nothing but the files. */
export const FILE_RULES: readonly Rule[] = [
  codeFolders,
  packageDoors,
  importDirections,
  codeSize,
  environment,
  errorCodes,
  openEnds,
  fileWeight,
  foreignAddresses,
  changelog,
  markdownLinks,
  wholeSpecs,
];
