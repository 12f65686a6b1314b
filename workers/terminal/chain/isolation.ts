import { existsSync, realpathSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import type { CommandLimits, EffectiveLimits } from '../../../src/contract/command-limits.ts';
import { ProblemError } from '../../../src/contract/problem.ts';
import type { SandboxLevel } from '../../../src/contract/result.ts';
import type { JobLimits } from '../../../src/platform/job-limits.ts';
import { isWithin } from '../../files/is-within.ts';
import type { ControlGroups } from '../cgroup.ts';
import type { HeldUser } from '../job-users.ts';
import { writeAccountFiles } from './account-files.ts';
import { bubblewrapArguments } from './bubblewrap.ts';
import type { Chain, ChainTools } from './enter.ts';
import type { JobUser } from './job-user.ts';
import { boundsOf, type Rights } from './rights.ts';
import { discardHead, Spares } from './spares.ts';

/** How commands are shut in by this worker. */
export interface IsolationOptions {
  level: SandboxLevel;
  /** null: this machine has none, so nothing is bounded or shut in. */
  tools: ChainTools | null;
  /** Path of bwrap; null: there is none, and no level `sandbox`. */
  bubblewrap: string | null;
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
  /** Ends what is kept ready for commands to come. To be called last. */
  close(): Promise<void>;
}

export function createIsolation(options: IsolationOptions): Isolation {
  const { level, isRoot, config } = options;
  const dropsUser = isRoot && level !== 'none';
  const spares = openSpares(options, dropsUser);
  return {
    level,
    isolatesNetwork: level === 'sandbox',
    dropsUser,
    limits: effectiveLimits(options, { hasUser: dropsUser, asked: config.jobLimits }),
    holdUser: async () => {
      if (!dropsUser) return null;
      const user = spares === null ? null : await spares.takeUser();
      if (user !== null) return user;
      const detail =
        'All users that commands may run as are taken (LLMMIXER_JOB_UIDS). Submit the job again later.';
      throw new ProblemError('spawn_failed', detail, { retryable: true });
    },
    shutIn: (request) => shutIn(options, spares, request),
    close: async () => spares?.close(),
  };
}

function openSpares(
  { tools, groups, mark, config: { jobUids } }: IsolationOptions,
  dropsUser: boolean,
): Spares | null {
  return tools === null ? null : new Spares({ tools, groups, mark, jobUids, dropsUser });
}

function shutIn(options: IsolationOptions, spares: Spares | null, request: IsolationRequest): JobIsolation {
  const { level, tools } = options;
  const network = request.network ?? options.config.network;
  if (!network && level !== 'sandbox') throw noNetworkIsolation(request.job, level);
  const asked = applyLimits(options.config.jobLimits, request);
  if (spares === null || tools === null) {
    const told = effectiveLimits(options, { hasUser: false, asked });
    return { level, chain: null, limits: told, ranOutOfMemory: () => false, release: async () => {} };
  }
  const { user } = request;
  const sandbox = level === 'sandbox' ? openSandbox(options, request, network) : null;
  const grouped = spares.takeHead();
  const { group } = grouped;
  const bounds = { ...asked, processes: asked.processes + chainProcesses(level) };
  const held = group.limit(bounds);
  const chain = {
    tools,
    group,
    head: grouped.head,
    rights: rightsOf(options, { user, bounds }),
    sandbox: sandbox === null ? null : sandbox.program,
  };
  const told = {
    ...asked,
    processes: user !== null || held.processes ? asked.processes : null,
    memoryBytes: held.memory ? asked.memoryBytes : null,
  };
  const release = async () => {
    const removed = sandbox?.remove();
    await discardHead(grouped);
    spares.rest();
    await removed;
  };
  return { level, chain, limits: told, ranOutOfMemory: group.ranOutOfMemory, release };
}

/** Those of the chain itself, which a job is given beside its own: bwrap, and the waiter. */
function chainProcesses(level: SandboxLevel): number {
  return level === 'sandbox' ? 2 : 1;
}

function rightsOf(
  { level, isRoot }: IsolationOptions,
  { user, bounds }: { user: JobUser | null; bounds: JobLimits },
): Rights {
  // Where it was asked to do nothing, a command may still gain rights, by sudo for instance.
  return { user, onlyLess: level !== 'none' || !isRoot, bounds: boundsOf(bounds, { user }) };
}

function openSandbox(
  { bubblewrap, config }: IsolationOptions,
  { user, workspace, cwd, readOnlyPaths = [] }: IsolationRequest,
  network: boolean,
): { program: string[]; remove(): Promise<void> } {
  const readOnly = readOnlyPaths.map((path) => allowedPath(path, config.readOnlyPaths));
  const accounts = user === null ? null : writeAccountFiles(user, workspace);
  const places = { hidden: config.hidden, readOnly, writable: [workspace, cwd], cwd };
  const view = { user, network, accounts, ...places };
  return {
    program: [bubblewrap ?? '', ...bubblewrapArguments(view)],
    remove: async () => accounts?.remove(),
  };
}

function effectiveLimits(
  options: IsolationOptions,
  { hasUser, asked }: { hasUser: boolean; asked: JobLimits },
): EffectiveLimits {
  const { groups, tools } = options;
  if (tools === null)
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
    const isAllowed = roots.some((root) => isWithin(real, root));
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
