import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { ProblemError } from '../../src/contract/problem.ts';

/**
 * Finds what a command names, before anything is spawned, since a spawned shell or terminal would make
 * a missing program look like a program that failed.
 * @param name a path when it holds a slash, else a name to be looked up.
 * @returns an absolute path of an executable file whose interpreter, if it names one, exists too.
 * @throws {ProblemError} `spawn_failed`, saying what is missing or not allowed.
 */
export function findProgram(name: string, { path, cwd }: { path: string; cwd: string }): string {
  if (name === '') throw new ProblemError('spawn_failed', 'The first argument is empty; name a program.');
  if (name.includes('/')) return checkInterpreter(checkExecutable(resolve(cwd, name), name));
  let refused: string | undefined;
  for (const folder of path.split(':').filter((it) => it !== '')) {
    const candidate = resolve(cwd, join(folder, name));
    const state = stateOf(candidate);
    if (state === 'executable') return checkInterpreter(candidate);
    if (state === 'refused') refused ??= candidate;
  }
  if (refused !== undefined) checkExecutable(refused, name);
  throw new ProblemError(
    'spawn_failed',
    `There is no program "${name}" on the PATH of the job (${path}). Install it, or give its whole path.`,
  );
}

/** @throws {ProblemError} `spawn_failed` unless `cwd` is a folder that can be entered. */
export function checkFolder(cwd: string): void {
  try {
    if (!statSync(cwd).isDirectory()) {
      throw new ProblemError('spawn_failed', `The working directory "${cwd}" is not a folder.`);
    }
    accessSync(cwd, constants.X_OK);
  } catch (error) {
    if (error instanceof ProblemError) throw error;
    const detail = `The working directory "${cwd}" does not exist or may not be entered. Create it, or choose another.`;
    throw new ProblemError('spawn_failed', detail, { cause: error });
  }
}

function stateOf(file: string): 'executable' | 'refused' | 'folder' | 'absent' {
  try {
    if (statSync(file).isDirectory()) return 'folder';
  } catch {
    return 'absent';
  }
  try {
    accessSync(file, constants.X_OK);
    return 'executable';
  } catch {
    return 'refused';
  }
}

function checkExecutable(file: string, name: string): string {
  const state = stateOf(file);
  if (state === 'executable') return file;
  const reasons = {
    absent: `There is no file "${name}". Check the path; relative ones start in the working directory.`,
    folder: `"${name}" is a folder, not a program.`,
    refused: `"${name}" may not be executed. Make it executable (chmod +x), or name its interpreter.`,
  };
  throw new ProblemError('spawn_failed', reasons[state]);
}

/** A script whose `#!` line names a missing program fails with the same error as a missing script. */
function checkInterpreter(file: string): string {
  const interpreter = /^#!\s*(\S+)/.exec(firstBytes(file))?.[1];
  if (interpreter === undefined || !isAbsolute(interpreter) || stateOf(interpreter) === 'executable') {
    return file;
  }
  throw new ProblemError(
    'spawn_failed',
    `"${file}" names the interpreter "${interpreter}", which does not exist or may not be executed.`,
  );
}

/** As many as Linux looks at; empty for a program that may be executed but not read. */
function firstBytes(file: string): string {
  try {
    const fd = openSync(file, 'r');
    try {
      const bytes = Buffer.alloc(256);
      return bytes.toString('latin1', 0, readSync(fd, bytes));
    } finally {
      closeSync(fd);
    }
  } catch {
    return '';
  }
}
