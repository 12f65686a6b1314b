import type { JobGroup } from './cgroup.ts';
import {
  hasProcessTable,
  isSameProcess,
  type ProcessRecord,
  readEnvironment,
  readProcess,
  readProcessTable,
} from './process-table.ts';

/** What is known of a job's processes at one moment. */
export interface Survey {
  members: ProcessRecord[];
  /** false: a young process was in the middle of an exec, so ask again in a moment. */
  sure: boolean;
}

/** Every process of one job, wherever it has gone. */
export interface ProcessTree {
  survey(): Survey;
  /** To every process of the survey, each checked once more to be the one that was seen. */
  signalAll(members: readonly ProcessRecord[], signal: NodeJS.Signals): void;
  /** To the foreground process group of the job's terminal, or to its first process group. */
  signalForeground(signal: NodeJS.Signals): void;
  /** Kills the one process with which everything in the job's pid namespace ends; absent where it has none. */
  readonly killGuard?: () => void;
  /** Kills who watches over the job and reports its end; absent where nobody does. */
  readonly killWatchers?: () => void;
  /** From now on no process of the job can start another; absent where nothing could bring that about. */
  readonly stopForking?: () => void;
  /** Settles when the kernel has said that no process of the job is left; absent where it never would. */
  readonly namespaceEnd?: Promise<void>;
}

export interface TreeRoot {
  /** The leader of a session and process group of its own. */
  pid: number;
  /** The command itself, where the root only watches over it. Its terminal says which group is in the foreground. */
  command?: number;
  /** A second session that is the job's. */
  session?: number;
  /** Variables, as `NAME=value`, that all processes of the job and no others were started with. */
  marks: readonly string[];
  /** Processes that watch over the job and report its end: in no survey. */
  watchers?: readonly number[];
  /** The process whose death ends all others: the guard of a pid namespace. */
  guard?: number;
  /** Control groups of the job. */
  group?: Pick<JobGroup, 'members' | 'stopForking'>;
  /** Settles when that namespace has ended. */
  namespaceEnd?: Promise<void>;
}

/**
 * Finds processes by five ties: descendants of the root, its session, its process group, the marks in their
 * environment, which find those that forked twice and left the session, and the control group. Where there can be no
 * control groups, one that does all of that and clears its environment too is found only while its parent lives.
 */
export function createProcessTree(root: TreeRoot): ProcessTree {
  if (!hasProcessTable()) return createGroupTree(root.pid);
  const first = readProcess(root.pid);
  const startTicks = first?.startTicks ?? 0;
  const sessionTicks = root.session === undefined ? undefined : readProcess(root.session)?.startTicks;
  const survey = () => surveyTree(root, { startTicks, sessionTicks });
  const watchers = root.watchers?.flatMap((pid) => readProcess(pid) ?? []);
  const guard = root.guard === undefined ? undefined : readProcess(root.guard);
  const { namespaceEnd, group } = root;
  return {
    ...(group && { stopForking: group.stopForking }),
    ...(watchers && { killWatchers: () => watchers.forEach((each) => void signalProcess(each, 'SIGKILL')) }),
    ...(namespaceEnd && { namespaceEnd }),
    ...(guard && { killGuard: () => void signalProcess(guard, 'SIGKILL') }),
    survey,
    signalAll: (members, signal) => members.forEach((member) => void signalProcess(member, signal)),
    signalForeground: (signal) => {
      const command = root.command ?? root.pid;
      const group = foregroundGroup(command, startTicks) ?? command;
      const { members } = survey();
      const foreground = members.filter((member) => member.group === group || member.pid === command);
      for (const member of foreground) signalProcess(member, signal);
    },
  };
}

/** Without a process table the process group is all that can be seen of a job. */
function createGroupTree(pid: number): ProcessTree {
  const group: ProcessRecord = {
    pid: -pid,
    parent: 0,
    group: pid,
    session: pid,
    foregroundGroup: -1,
    startTicks: 0,
  };
  return {
    survey: () => ({ members: signalPid(-pid, 0) ? [group] : [], sure: true }),
    signalAll: (members, signal) => members.forEach((member) => void signalPid(member.pid, signal)),
    signalForeground: (signal) => void signalPid(-pid, signal),
  };
}

interface StartTimes {
  /** Of the root, in clock ticks after boot. */
  startTicks: number;
  /** Of the leader of the second session; undefined where it was gone. */
  sessionTicks: number | undefined;
}

function surveyTree(root: TreeRoot, { startTicks, sessionTicks }: StartTimes): Survey {
  const table = readProcessTable().filter((it) => it.startTicks >= startTicks && it.pid !== process.pid);
  const rootNow = table.find((it) => it.pid === root.pid);
  const numberIsOurs = rootNow === undefined || rootNow.startTicks === startTicks;
  const leader = table.find((it) => it.pid === root.session);
  const session = leader === undefined || leader.startTicks === sessionTicks ? root.session : undefined;
  const inGroup = new Set(root.group?.members());
  const found = new Map<number, ProcessRecord>();
  let sure = true;
  for (const record of table) {
    if (inGroup.has(record.pid) || (numberIsOurs && isTied(record, { pid: root.pid, session }))) {
      found.set(record.pid, record);
      continue;
    }
    const environment = readEnvironment(record.pid) ?? ['unreadable'];
    if (environment.length === 0 && isSameProcess(record)) sure = false;
    if (isMarked(environment, root.marks)) found.set(record.pid, record);
  }
  addDescendants(found, table);
  for (const watcher of root.watchers ?? []) found.delete(watcher);
  return { members: [...found.values()], sure };
}

function isTied(
  { pid, group, session }: ProcessRecord,
  root: { pid: number; session: number | undefined },
): boolean {
  return pid === root.pid || group === root.pid || session === root.pid || session === root.session;
}

function isMarked(environment: readonly string[], marks: readonly string[]): boolean {
  return marks.length > 0 && marks.every((mark) => environment.includes(mark));
}

/** Adds to `found` all whose parents are in it. */
export function addDescendants(found: Map<number, ProcessRecord>, table: readonly ProcessRecord[]): void {
  let before = -1;
  while (before !== found.size) {
    before = found.size;
    for (const record of table) if (found.has(record.parent)) found.set(record.pid, record);
  }
}

function foregroundGroup(pid: number, startTicks: number): number | undefined {
  const record = readProcess(pid);
  const usable = record !== undefined && record.startTicks >= startTicks && record.foregroundGroup > 0;
  return usable ? record.foregroundGroup : undefined;
}

/** A pid may have gone to a stranger since the survey: its start time tells. */
export function signalProcess(record: ProcessRecord, signal: NodeJS.Signals): boolean {
  return isSameProcess(record) && signalPid(record.pid, signal);
}

/** Answers false when nobody is there, or when it is not ours to signal. */
function signalPid(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
