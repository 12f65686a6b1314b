import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readOrEmpty } from '../../src/platform/read-or-empty.ts';
import { isSameProcess } from './process-table.ts';
import { parseWorkerMark } from './worker-mark.ts';

/** Where control groups for jobs can be made: a folder for each of the two controllers, of version 1 or 2. */
export interface ControlGroups {
  memory: ControlGroupPlace | null;
  processes: ControlGroupPlace | null;
}

interface ControlGroupPlace {
  folder: string;
  version: 1 | 2;
}

/** The control groups of one job. */
export interface JobGroup {
  /** Whoever writes its pid into each of these is in them, with all it starts. */
  joinFiles: string[];
  /** Bounds what all that are in them use together; answers which of the bounds hold. */
  limit(bounds: { memoryBytes: number; processes: number }): { memory: boolean; processes: boolean };
  /** Pids of all processes in them, wherever these have gone; none where there are no groups. */
  members(): number[];
  /** From now on nothing in them can start another process. */
  stopForking(): void;
  /** Whether the kernel killed a process of the job for want of memory. */
  ranOutOfMemory(): boolean;
  /** To be called when no process of the job is left. Never throws. */
  remove(): Promise<void>;
}

/** Looks where groups can be made, by making one. To be called once by a worker. */
export function findControlGroups(mark: string): ControlGroups {
  return { memory: findPlace('memory', mark), processes: findPlace('pids', mark) };
}

/**
 * Kills what is in the groups of dead workers, and removes those that are empty. What one call misses the next one
 * finds, since nothing in them can fork any more.
 * @returns the pids of those that were killed.
 */
export function endAbandonedGroups(): number[] {
  const folders = [...candidates('pids'), ...candidates('memory')].map(({ folder }) => folder);
  return [...new Set(folders)].flatMap(endAbandonedIn);
}

/**
 * @param name unique among the jobs that run.
 * @returns the groups that could be made, without limits yet; none of a controller that this machine has not.
 */
export function makeJobGroup(groups: ControlGroups, name: string): JobGroup {
  const memory = groups.memory && makeGroup(groups.memory, name);
  const pids = groups.processes && makeGroup(groups.processes, name);
  const folders = [...new Set([memory, pids].filter((it) => it !== null))];
  return {
    joinFiles: folders.map((folder) => join(folder, 'cgroup.procs')),
    limit: ({ memoryBytes, processes }) => {
      const isFirst = groups.memory?.version === 1;
      const isHeld =
        memory !== null && set(memory, isFirst ? 'memory.limit_in_bytes' : 'memory.max', memoryBytes);
      if (memory !== null) {
        // Where swap is counted, it must not be a way around.
        if (isFirst) set(memory, 'memory.memsw.limit_in_bytes', memoryBytes);
        else set(memory, 'memory.swap.max', 0);
        set(memory, 'memory.oom.group', 0);
      }
      return { memory: isHeld, processes: pids !== null && set(pids, 'pids.max', processes) };
    },
    members: () => membersOf(pids ?? memory),
    stopForking: () => {
      if (pids) set(pids, 'pids.max', 0);
    },
    ranOutOfMemory: () => memory !== null && killsIn(memory) > 0,
    remove: async () => {
      for (const folder of folders) await removeGroup(folder);
    },
  };
}

/** Version 1 has a hierarchy a controller; in version 2 the controller must be passed on to groups below ours. */
function findPlace(controller: 'memory' | 'pids', mark: string): ControlGroupPlace | null {
  for (const place of candidates(controller)) {
    const folder = join(place.folder, groupName(mark, 'probe'));
    try {
      mkdirSync(folder);
      const usable = existsSync(join(folder, place.version === 2 ? `${controller}.max` : 'cgroup.procs'));
      rmdirSync(folder);
      if (usable) return place;
    } catch {}
  }
  return null;
}

function candidates(controller: string): ControlGroupPlace[] {
  const own = readOrEmpty('/proc/self/cgroup')
    .split('\n')
    .map((line) => /^\d+:([^:]*):(.*)$/.exec(line));
  const found: ControlGroupPlace[] = [];
  for (const line of readOrEmpty('/proc/self/mountinfo').split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const mountPoint = before.split(' ')[4];
    const [type, , options = ''] = after.split(' ');
    const version = type === 'cgroup2' ? 2 : 1;
    const isMeant = type === 'cgroup2' || (type === 'cgroup' && options.split(',').includes(controller));
    if (mountPoint === undefined || !isMeant) continue;
    const ours = own.find((it) =>
      version === 2 ? it?.[1] === '' : it?.[1]?.split(',').includes(controller),
    );
    for (const path of [ours?.[2] ?? '/', '/']) {
      const folder = join(mountPoint, path);
      if (existsSync(join(folder, 'cgroup.procs'))) found.push({ folder, version });
    }
  }
  return found;
}

export function groupName(mark: string, name: string): string {
  return `llmmixer-${mark}.${name}`;
}

function makeGroup({ folder }: ControlGroupPlace, name: string): string | null {
  const path = join(folder, name);
  try {
    mkdirSync(path);
    return path;
  } catch {
    return null;
  }
}

/** Whether the kernel took it. */
function set(folder: string, file: string, value: number): boolean {
  return tryTo(() => writeFileSync(join(folder, file), String(value), { flag: 'r+' }));
}

function killsIn(folder: string): number {
  const counts = ['memory.oom_control', 'memory.events']
    .map((file) => readOrEmpty(join(folder, file)))
    .join('\n');
  return Number(/^oom_kill (\d+)$/m.exec(counts)?.[1] ?? 0);
}

/** A group is busy for a moment after its last process has ended. */
async function removeGroup(folder: string): Promise<void> {
  for (let pauseMs = 1; pauseMs < removeStepMsMax; pauseMs *= 2) {
    try {
      return rmdirSync(folder);
    } catch {
      if (!existsSync(folder)) return;
      await sleep(pauseMs);
    }
  }
}

const removeStepMsMax = 500;

function membersOf(folder: string | null): number[] {
  if (folder === null) return [];
  return readOrEmpty(join(folder, 'cgroup.procs')).split('\n').filter(Boolean).map(Number);
}

function endAbandonedIn(place: string): number[] {
  return readdirSync(place).flatMap((name) => {
    const mark = /^llmmixer-([^.]+)\./.exec(name)?.[1];
    const worker = mark === undefined ? undefined : parseWorkerMark(mark);
    if (worker === undefined || isSameProcess(worker)) return [];
    const folder = join(place, name);
    set(folder, 'pids.max', 0);
    const killed = membersOf(folder).filter((pid) => tryTo(() => process.kill(pid, 'SIGKILL')));
    tryTo(() => rmdirSync(folder));
    return killed;
  });
}

/** Whether it could be done. */
function tryTo(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
