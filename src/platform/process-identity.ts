import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Names a process so that a later one with the same id is not taken for it: `<pid>-<start time>`.
 * The start time is in the system's own unit and only good for comparing.
 * @returns null when there is no such process, or only its unreaped remains.
 */
export async function processIdentity(pid: number): Promise<string | null> {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
}

/** Whether the process that `processIdentity` named still lives. */
export async function isAlive(identity: string): Promise<boolean> {
  const pid = Number(identity.split('-')[0]);
  return Number.isInteger(pid) && pid > 0 && (await processIdentity(pid)) === identity;
}

/** proc(5): the name in parentheses may hold anything, so fields are counted after the last one. */
async function fromProc(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields[0], fields[19]];
  return state === 'Z' || state === 'X' || startTime === undefined ? null : `${pid}-${startTime}`;
}

async function fromPs(pid: number): Promise<string | null> {
  const answer = await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
    env: { PATH: '/bin:/usr/bin', LC_ALL: 'C', TZ: 'UTC' },
  }).catch(() => null);
  const [state, ...started] = answer?.stdout.trim().split(/\s+/) ?? [];
  if (state === undefined || state === '' || state.startsWith('Z')) return null;
  return `${pid}-${Date.parse(`${started.join(' ')} UTC`)}`;
}
