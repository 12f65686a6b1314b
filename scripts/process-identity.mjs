// What src/platform/process-identity.ts does, for what runs before anything is installed. No dependencies,
// Node 18 and later.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Names a living process so that a later one with the same id is not taken for it: `<pid>-<start time>`. */
export function processIdentity(pid) {
  return `${pid}-${lookAt(pid)?.startedAt ?? 'unknown'}`;
}

/** Whether the process so named still lives. Where its start time is hidden, one with its id is taken for it. */
export function isAlive(identity) {
  const pid = Number(identity.split('-')[0]);
  if (!Number.isInteger(pid) || pid <= 0 || !exists(pid)) return false;
  const found = lookAt(pid);
  return found === null || (!found.isRemains && identity === `${pid}-${found.startedAt}`);
}

function exists(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** The start time is in the system's own unit, only good for comparing. @returns null when it cannot be told. */
function lookAt(pid) {
  return process.platform === 'linux' ? lookIntoProc(pid) : askPs(pid);
}

/** proc(5): the name in parentheses may hold anything, so fields are counted after the last one. */
function lookIntoProc(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { isRemains: fields[0] === 'Z' || fields[0] === 'X', startedAt: fields[19] };
  } catch {
    return null;
  }
}

function askPs(pid) {
  const { stdout } = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    env: { PATH: '/bin:/usr/bin', LC_ALL: 'C', TZ: 'UTC' },
  });
  const [state, ...started] = (stdout ?? '').trim().split(/\s+/);
  if (state === '') return null;
  return { isRemains: state.startsWith('Z'), startedAt: String(Date.parse(`${started.join(' ')} UTC`)) };
}
