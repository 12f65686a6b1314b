import type { SubmittedFile } from '../src/contract/files.ts';
import type { CommandSpec } from '../src/contract/job.ts';
import { ProblemError } from '../src/contract/problem.ts';
import { terminalSizeOf } from '../src/core/terminal-size.ts';
import { bytesOf } from '../src/platform/text-or-base64.ts';
import type { Attempt } from './attempt.ts';
import { giveTree } from './files/give-tree.ts';
import { Folder } from './files/within-folder.ts';
import { maskProblem } from './mask-problem.ts';
import type { WorkerServices } from './services.ts';
import type { JobIsolation } from './terminal/chain/isolation.ts';
import type { JobUser } from './terminal/chain/job-user.ts';
import { commandEnvironment } from './terminal/environment.ts';
import { type PreparedLaunch, prepareLaunch } from './terminal/launch.ts';
import { closeWorkspace, findCwd, openWorkspace } from './terminal/workspace.ts';
import { untilRedisAnswers } from './until-redis-answers.ts';

/** A command that may be started, and what shuts it in. */
export interface PreparedJob extends PreparedLaunch {
  isolation: JobIsolation;
  /** What must not be seen of what it was given. */
  secrets: readonly string[];
  /** Gives back its user and its workspace. To be called when nothing of the job runs. Never throws. */
  release(): Promise<void>;
}

/**
 * Opens everything the command of a job needs: its secrets, its user, its workspace, its environment and its terminal.
 * @throws {ProblemError} `spawn_failed` when something is missing or not allowed.
 */
export async function prepareCommand(
  services: WorkerServices,
  attempt: Attempt,
  spec: CommandSpec,
): Promise<PreparedJob> {
  const user = await services.isolation.holdUser();
  let release = async (): Promise<void> => user?.release();
  try {
    const { workspace, formerUid } = openWorkspace({ ...services, jobId: attempt.job.id, user });
    const leave = () => {
      if (user !== null) closeWorkspace(workspace);
    };
    release = async () => {
      leave();
      user?.release();
    };
    if (user !== null && formerUid !== null) await giveTree(workspace, { from: formerUid, to: user });
    if (spec.files !== undefined) await writeFiles(services, attempt.job.id, workspace);
    const folders = { workspace, cwd: findCwd(spec.cwd, { workspace, workRoots: services.workRoots }) };
    const isolation = shutIn(services, attempt, { spec, user, ...folders });
    release = async () => {
      leave();
      await isolation.release();
      user?.release();
    };
    const secrets = await readSecrets(services, attempt.job.id);
    const hidden = Object.values(secrets);
    const launch = await openLaunch(services, attempt, { spec, isolation, secrets, ...folders }).catch(
      (error: unknown) => {
        throw maskProblem(error, hidden);
      },
    );
    return { ...launch, isolation, secrets: hidden, release };
  } catch (error) {
    await release();
    throw error;
  }
}

function shutIn(
  { isolation }: WorkerServices,
  { job }: Attempt,
  {
    spec: { network, readOnlyPaths, limits },
    ...places
  }: { spec: CommandSpec; user: JobUser | null; workspace: string; cwd: string },
): JobIsolation {
  return isolation.shutIn({
    ...places,
    job: job.id,
    ...(network === undefined ? {} : { network }),
    ...(readOnlyPaths === undefined ? {} : { readOnlyPaths }),
    ...(limits === undefined ? {} : { limits }),
  });
}

async function openLaunch(
  services: WorkerServices,
  { job, identity }: Attempt,
  {
    spec,
    isolation: { chain },
    secrets,
    workspace,
    cwd,
  }: {
    spec: CommandSpec;
    isolation: JobIsolation;
    secrets: Record<string, string>;
    workspace: string;
    cwd: string;
  },
): Promise<PreparedLaunch> {
  const { environment } = services;
  const interactive = spec.interactive ?? false;
  const env = commandEnvironment({
    base: environment,
    interactive,
    worker: services.mark,
    job: { id: job.id, run: identity.token, workspace, env: spec.env ?? {}, secrets },
  });
  return prepareLaunch(
    {
      command: spec.argv ? { argv: spec.argv } : { shell: spec.shell ?? '' },
      cwd,
      env,
      interactive,
      ...terminalSizeOf(spec),
      ...(spec.stdin === undefined ? {} : { stdin: spec.stdin }),
      ...(chain === null ? {} : { chain }),
    },
    services.terminals,
  );
}

/** Puts the files that came with the submit where its command finds them. */
async function writeFiles(services: WorkerServices, job: string, workspace: string): Promise<void> {
  const text = await untilRedisAnswers(services, () => services.records.extra(job, 'files'));
  if (text === null) return;
  const files: SubmittedFile[] = JSON.parse(text);
  const folder = await Folder.open(workspace);
  try {
    for (const file of files) {
      const { executable = false } = file;
      await folder.writeFile(file.path.split('/'), [bytesOf(file)], { executable });
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ProblemError(
      'spawn_failed',
      `The files of job ${job} could not be written into its workspace: ${why}`,
      { cause: error },
    );
  } finally {
    await folder.close();
  }
}

async function readSecrets(services: WorkerServices, job: string): Promise<Record<string, string>> {
  const { records, seal } = services;
  const sealed = await untilRedisAnswers(services, () => records.extra(job, 'sealed'));
  return sealed === null ? {} : openSecrets(() => seal.open(job, sealed), job);
}

function openSecrets(open: () => Record<string, string>, job: string): Record<string, string> {
  try {
    return open();
  } catch (error) {
    throw new ProblemError(
      'spawn_failed',
      `The secrets of job ${job} were sealed with another key than this worker has. Start all processes with the same LLMMIXER_API_KEY and submit the job again.`,
      { cause: error },
    );
  }
}
