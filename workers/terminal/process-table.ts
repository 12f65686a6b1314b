import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readOrEmpty } from '../../src/platform/read-or-empty.ts';

/** One process as Linux shows it in `/proc/<pid>/stat` (proc_pid_stat(5)). */
export interface ProcessRecord {
  pid: number;
  parent: number;
  group: number;
  session: number;
  /** Foreground process group of its terminal; -1 without a terminal. */
  foregroundGroup: number;
  /** Clock ticks after boot. A pid and its start time together never mean two processes. */
  startTicks: number;
}

/** false where processes cannot be looked up (macOS): there only process groups can be signalled. */
export function hasProcessTable(): boolean {
  return existsSync('/proc/self/stat');
}

/** Every process that still runs; those that only wait to be reaped are left out. */
export function readProcessTable(): ProcessRecord[] {
  return processIds().flatMap((pid) => readProcess(pid) ?? []);
}

/** The process with this pid, or undefined when there is none or it only waits to be reaped. */
export function readProcess(pid: number): ProcessRecord | undefined {
  // It may vanish between any two reads.
  const stat = readOrEmpty(`/proc/${pid}/stat`, 'latin1');
  // The program's name stands in brackets and may hold anything, brackets and spaces too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, parent, group, session, , foregroundGroup, flags] = fields;
  const threads = Number(fields[17]);
  const dead = state === 'X' || (state === 'Z' && threads <= 1);
  if (fields.length < 20 || dead || (Number(flags) & kernelThreadFlag) !== 0) return undefined;
  return {
    pid,
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    foregroundGroup: Number(foregroundGroup),
    startTicks: Number(fields[19]),
  };
}

export function isSameProcess(record: { pid: number; startTicks: number }): boolean {
  return readProcess(record.pid)?.startTicks === record.startTicks;
}

/**
 * The variables a process was started with, as `NAME=value`; undefined when it is another user's or
 * gone. Empty also for some microseconds in the middle of an exec.
 */
export function readEnvironment(pid: number): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').slice(0, -1);
  } catch {
    return undefined;
  }
}

/** Pids of the children of a process, those that only wait to be reaped too, oldest first; none where it is gone. */
export function readChildren(pid: number): number[] {
  return readOrEmpty(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

/** Names the pid namespace of this process: the same pid means another process in another one. */
export function processNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
  } catch {
    return '0';
  }
}

/** PF_KTHREAD of the kernel's sched.h. */
const kernelThreadFlag = 0x00200000;

function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number);
}
