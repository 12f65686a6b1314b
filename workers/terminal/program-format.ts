import { closeSync, constants, openSync, readSync } from 'node:fs';

/**
 * What the kernel will make of an executable file: run it by the interpreter its `#!` line names, refuse
 * it as a text without one, or look into it itself (ELF and what else this machine knows).
 */
export type ProgramFormat = { interpreter: string } | 'plain text' | 'other';

/**
 * Problem: the kernel refuses a script without a `#!` line; execvp(3) then hands it to `/bin/sh`, while
 * bash runs it itself. People expect it to run, and by the same shell everywhere.
 * @param file an executable file. One that may not be read is left to the kernel.
 */
export function readProgramFormat(file: string): ProgramFormat {
  const begin = firstBytes(file);
  if (begin === undefined) return 'other';
  const interpreter = /^#![ \t]*([^\s\0]+)/.exec(begin)?.[1];
  if (interpreter !== undefined) return { interpreter };
  const [line = ''] = begin.slice(0, shellLooksAtBytes).split('\n');
  return line.startsWith('\u007fELF') || line.includes('\0') ? 'other' : 'plain text';
}

/** In so many bytes, up to the first line end, bash looks for a zero byte, which makes a file no script. */
const shellLooksAtBytes = 80;

/** As many as Linux looks at. Never waits: a pipe that takes the place of the file after it was checked is empty. */
function firstBytes(file: string): string | undefined {
  try {
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const bytes = Buffer.alloc(256);
      return bytes.toString('latin1', 0, readSync(fd, bytes));
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}
