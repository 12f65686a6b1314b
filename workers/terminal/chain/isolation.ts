import { existsSync, realpathSync } from 'node:fs';
import { isAbsolute, sep } from 'node:path';
import type { CommandLimits, EffectiveLimits } from '../../../src/contract/command-limits.ts';
import { ProblemError } from '../../../src/contract/problem.ts';
import type { SandboxLevel } from '../../../src/contract/result.ts';
import type { JobLimits } from '../../../src/platform/job-limits.ts';
import { type ControlGroups, createJobGroup, groupName } from '../cgroup.ts';
import { type HeldUser, holdUser } from '../job-users.ts';
import { type AccountFiles, writeAccountFiles } from './account-files.ts';
import type { Chain } from './enter.ts';
import type { JobUser } from './job-user.ts';
import { bubblewrapLink, type ChainPrograms, prlimitLink, setprivLink } from './links.ts';

/** How commands are shut in by this worker. */
export interface IsolationOptions {
  level: SandboxLevel;
  programs: ChainPrograms;
  /** Whether the service is root, and its commands are others. */
  isRoot: boolean;
  groups: ControlGroups;
  /** `workerMark()`. */
  mark: string;
  config: {
    /** Real absolute paths. */
    hidden: readonly string[];
    readOnlyPaths: readonly string[];
    network: boolean;
    jobUids: { first: number; last: number };
    jobLimits: JobLimits;
  };
}

/** What one command asks for. */
export interface IsolationRequest {
  user: JobUser | null;
  job: string;
  run: string;
  workspace: string;
  cwd: string;
  network?: boolean;
  readOnlyPaths?: readonly string[];
  limits?: CommandLimits;
}

/** What shuts one command in. */
export interface JobIsolation {
  level: SandboxLevel;
  /** null: nothing does, and nothing bounds it. */
  chain: Chain | null;
  limits: EffectiveLimits;
  ranOutOfMemory(): boolean;
  /** To be called when nothing of the job runs. Never throws. */
  release(): Promise<void>;
}

export interface Isolation {
  readonly level: SandboxLevel;
  /** Whether `network: false` can be kept. */
  readonly isolatesNetwork: boolean;
  /** Whether commands run as other users than the service. */
  readonly dropsUser: boolean;
  /** What a job may use at most; null: this machine has no means to bound it. */
  readonly limits: EffectiveLimits;
  /** The user that a job gets for itself; null: it has the worker's own rights. */
  holdUser(): Promise<HeldUser | null>;
  /** @throws {ProblemError} `spawn_failed` when the job asks for what it may not have here. */
  shutIn(request: IsolationRequest): JobIsolation;
}

export function createIsolation(options: IsolationOptions): Isolation {
  const { level, isRoot, config } = options;
  const dropsUser = isRoot && level !== 'none';
  return {
    level,
    isolatesNetwork: level === 'sandbox',
    dropsUser,
    limits: effectiveLimits(options, { hasUser: dropsUser, asked: config.jobLimits }),
    holdUser: async () => {
      if (!dropsUser) return null;
      const user = await holdUser(config.jobUids);
      if (user !== null) return user;
      const detail =
        'All users that commands may run as are taken (LLMMIXER_JOB_UIDS). Submit the job again later.';
      throw new ProblemError('spawn_failed', detail, { retryable: true });
    },
    shutIn: (request) => shutIn(options, request),
  };
}

/** Whether there is what bounds and waits for a command. */
function canChain({ programs: { bash, perl, prlimit } }: IsolationOptions): boolean {
  return bash !== undefined && perl !== undefined && prlimit !== undefined && existsSync('/proc/self/fd');
}

function shutIn(options: IsolationOptions, request: IsolationRequest): JobIsolation {
  const { level, groups, mark } = options;
  const { bash, perl, prlimit } = options.programs;
  const network = request.network ?? options.config.network;
  if (!network && level !== 'sandbox') throw noNetworkIsolation(request.job, level);
  const asked = applyLimits(options.config.jobLimits, request);
  if (!canChain(options) || bash === undefined || perl === undefined || prlimit === undefined) {
    const limits = effectiveLimits(options, { hasUser: false, asked });
    return { level, chain: null, limits, ranOutOfMemory: () => false, release: async () => {} };
  }
  const accounts =
    level === 'sandbox' && request.user !== null ? writeAccountFiles(request.user, request.workspace) : null;
  const links = linksOf(options, { request, network, asked, prlimit, accounts });
  const group = createJobGroup(groups, { name: groupName(mark, request.run), ...asked });
  const chain = {
    bash,
    perl,
    joinFiles: group.joinFiles,
    links,
    user: request.user,
    hasNamespace: level === 'sandbox',
  };
  const limits = effectiveLimits(options, { hasUser: request.user !== null, asked });
  const release = async () => {
    accounts?.remove();
    await group.remove();
  };
  return { level, chain, limits, ranOutOfMemory: group.ranOutOfMemory, release };
}

function linksOf(
  { level, programs, isRoot, config }: IsolationOptions,
  {
    request,
    network,
    asked,
    prlimit,
    accounts,
  }: {
    request: IsolationRequest;
    network: boolean;
    asked: JobLimits;
    prlimit: string;
    accounts: AccountFiles | null;
  },
): string[][] {
  const { user, workspace, cwd } = request;
  const bounds = prlimitLink(prlimit, { ...asked, processes: user === null ? null : asked.processes });
  // Where it was asked to do nothing, a command may still gain rights, by sudo for instance.
  if (level === 'none' && (isRoot || programs.setpriv === undefined)) return [bounds];
  const drop = setprivLink(programs.setpriv ?? '', user);
  if (level !== 'sandbox') return [drop, bounds];
  const readOnly = (request.readOnlyPaths ?? []).map((path) => allowedPath(path, config.readOnlyPaths));
  const places = { hidden: config.hidden, readOnly, writable: [workspace, cwd], cwd };
  const view = { user, network, accounts, ...places };
  return [drop, bounds, bubblewrapLink(programs.bubblewrap ?? '', view)];
}

function effectiveLimits(
  options: IsolationOptions,
  { hasUser, asked }: { hasUser: boolean; asked: JobLimits },
): EffectiveLimits {
  const { groups } = options;
  if (!canChain(options))
    return { processes: null, openFiles: null, fileBytes: null, cpuSeconds: null, memoryBytes: null };
  return {
    ...asked,
    processes: hasUser || groups.processes !== null ? asked.processes : null,
    memoryBytes: groups.memory === null ? null : asked.memoryBytes,
  };
}

/** What the job asked for, where it is less than what the configuration allows. */
function applyLimits(maxima: JobLimits, { job, limits: asked = {} }: IsolationRequest): JobLimits {
  const applied = { ...maxima };
  for (const name of ['processes', 'openFiles', 'fileBytes', 'cpuSeconds', 'memoryBytes'] as const) {
    const value = asked[name];
    if (value === undefined) continue;
    if (value > maxima[name]) {
      const detail = `Job ${job} asks for limits.${name} ${value}, and this worker allows ${maxima[name]} at most. Ask for less, or raise it in the configuration.`;
      throw new ProblemError('spawn_failed', detail);
    }
    applied[name] = value;
  }
  return applied;
}

function allowedPath(path: string, allowed: readonly string[]): string {
  try {
    const real = realpathSync(path);
    const roots = allowed.filter(existsSync).map((root) => realpathSync(root));
    const isAllowed = roots.some(
      (root) => real === root || real.startsWith(root.endsWith(sep) ? root : root + sep),
    );
    if (isAbsolute(path) && isAllowed) return real;
  } catch (cause) {
    throw new ProblemError('spawn_failed', `The read-only path "${path}" does not exist here.`, { cause });
  }
  const detail = `The read-only path "${path}" is not under one of LLMMIXER_READ_ONLY_PATHS. Choose one that is, or add it there.`;
  throw new ProblemError('spawn_failed', detail);
}

function noNetworkIsolation(job: string, level: SandboxLevel): ProblemError {
  return new ProblemError(
    'spawn_failed',
    `Job ${job} must not reach the network, which this worker can keep from no command: its level is ${level}, not sandbox. The start of the worker's log says why.`,
  );
}
