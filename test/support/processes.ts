import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface SeenProcess {
  pid: number;
  parent: number;
  command: string;
}

/** Every living process of the machine; slim images have no ps. */
export async function listProcesses(): Promise<SeenProcess[]> {
  if (process.platform !== 'linux') {
    const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,args=']);
    return stdout.split('\n').flatMap((line) => {
      const found = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line);
      return found === null
        ? []
        : [{ pid: Number(found[1]), parent: Number(found[2]), command: found[3] ?? '' }];
    });
  }
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const seen = await Promise.all(names.map((name) => readProcess(Number(name)).catch(() => null)));
  return seen.filter((each) => each !== null);
}

/** The children of `pid`, and theirs. */
export async function descendants(pid: number): Promise<SeenProcess[]> {
  const all = await listProcesses();
  const below = (parent: number): SeenProcess[] =>
    all.filter((each) => each.parent === parent).flatMap((each) => [each, ...below(each.pid)]);
  return below(pid);
}

/** What a worker keeps ready for the next command; until perl has begun its program it has no name yet. */
export function isSpare({ command }: SeenProcess): boolean {
  return /^llmmixer: waits|perl -e/.test(command);
}

async function readProcess(pid: number): Promise<SeenProcess | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (state === 'Z' || state === 'X') return null;
  const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
  return { pid, parent: Number(parent), command };
}
