import { realpathSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { ProblemError } from '../../src/contract/problem.ts';
import { type JobUser, mayEnter, mayExecute } from './chain/job-user.ts';
import { readProgramFormat } from './program-format.ts';

/**
 * Finds what a command names, before anything is spawned, since a spawned shell or terminal would make
 * a missing program look like a program that failed.
 * @param name a path when it holds a slash, else a name to be looked up.
 * @param options.user who is to run it; null: this process' own user.
 * @returns an absolute path of an executable regular file whose interpreter, if it names one, exists too.
 * @throws {ProblemError} `spawn_failed`, saying what is missing or not allowed.
 */
export function findProgram(
  name: string,
  { path, cwd, user = null }: { path: string; cwd: string; user?: JobUser | null },
): string {
  if (name === '') throw new ProblemError('spawn_failed', 'The first argument is empty; name a program.');
  if (name.includes('/')) return checkInterpreter(checkExecutable(resolve(cwd, name), { name, user }), user);
  let refused: string | undefined;
  for (const folder of path.split(':').filter((it) => it !== '')) {
    const candidate = resolve(cwd, join(folder, name));
    const state = stateOf(candidate, user);
    if (state === 'executable') return checkInterpreter(candidate, user);
    if (state === 'refused' || state === 'special') refused ??= candidate;
  }
  if (refused !== undefined) checkExecutable(refused, { name, user });
  throw new ProblemError(
    'spawn_failed',
    `There is no program "${name}" on the PATH of the job (${path}). Install it, or give its whole path.`,
  );
}

/** @throws {ProblemError} `spawn_failed` unless `cwd` is a folder that can be entered. */
export function checkFolder(cwd: string, user: JobUser | null = null): void {
  try {
    if (!statSync(cwd).isDirectory()) {
      throw new ProblemError('spawn_failed', `The working directory "${cwd}" is not a folder.`);
    }
  } catch (error) {
    if (error instanceof ProblemError) throw error;
    const detail = `The working directory "${cwd}" does not exist or may not be entered. Create it, or choose another.`;
    throw new ProblemError('spawn_failed', detail, { cause: error });
  }
  if (mayEnter(realpathSync(cwd), user)) return;
  const whom = user === null ? 'the service' : `user ${user.uid}, as which the command runs,`;
  const detail = `The working directory "${cwd}" may not be entered by ${whom} (chmod +x on it and all folders above it).`;
  throw new ProblemError('spawn_failed', detail);
}

function stateOf(
  file: string,
  user: JobUser | null,
): 'executable' | 'refused' | 'folder' | 'special' | 'absent' {
  try {
    const found = statSync(file);
    if (found.isDirectory()) return 'folder';
    if (!found.isFile()) return 'special';
  } catch {
    return 'absent';
  }
  return mayExecute(realpathSync(file), user) ? 'executable' : 'refused';
}

function checkExecutable(file: string, { name, user }: { name: string; user: JobUser | null }): string {
  const state = stateOf(file, user);
  if (state === 'executable') return file;
  const reasons = {
    absent: `There is no file "${name}". Check the path; relative ones start in the working directory.`,
    folder: `"${name}" is a folder, not a program.`,
    special: `"${name}" is a pipe, a socket or a device, not a program.`,
    refused: `"${name}" may not be executed. Make it executable (chmod +x), or name its interpreter.`,
  };
  throw new ProblemError('spawn_failed', reasons[state]);
}

/**
 * A script whose `#!` line names a missing program fails with the same error as a missing script, and
 * one that names a text is refused by the kernel and run by some shells. Linux follows five names.
 */
function checkInterpreter(file: string, user: JobUser | null, depth = 1): string {
  const format = readProgramFormat(file);
  if (typeof format === 'string' || !isAbsolute(format.interpreter) || depth > 5) return file;
  const { interpreter } = format;
  if (stateOf(interpreter, user) !== 'executable') {
    const detail = `"${file}" names the interpreter "${interpreter}", which does not exist or may not be executed.`;
    throw new ProblemError('spawn_failed', detail);
  }
  if (readProgramFormat(interpreter) === 'plain text') {
    const detail = `"${file}" names the interpreter "${interpreter}", which is a text and no program.`;
    throw new ProblemError('spawn_failed', detail);
  }
  checkInterpreter(interpreter, user, depth + 1);
  return file;
}
