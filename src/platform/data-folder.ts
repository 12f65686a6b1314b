import { join } from 'node:path';
import { errorCode } from './error-code.ts';
import { makeFolder } from './make-folder.ts';
import { exitCodes, StartError } from './start-error.ts';

/**
 * Makes the data folder, or the folder `name` in it, closed to others.
 * @throws {StartError} when it cannot be made.
 */
export function makeDataFolder(dataDir: string, name = ''): void {
  try {
    makeFolder(join(dataDir, name));
  } catch (error) {
    throw dataFolderFault(dataDir, error);
  }
}

/** What is told when the data folder is none. */
export function dataFolderFault(dataDir: string, cause: unknown): StartError {
  return new StartError(
    exitCodes.misconfigured,
    `The data folder ${dataDir} cannot be made or entered (${errorCode(cause)}); set LLMMIXER_DATA_DIR to one that can.`,
    { cause },
  );
}
