import type { CommandSpec } from '../src/contract/job.ts';
import { ProblemError } from '../src/contract/problem.ts';
import type { Attempt } from './attempt.ts';
import type { WorkerServices } from './services.ts';
import { commandEnvironment } from './terminal/environment.ts';
import { type PreparedLaunch, prepareLaunch } from './terminal/launch.ts';
import { openWorkspace } from './terminal/workspace.ts';
import { untilRedisAnswers } from './until-redis-answers.ts';

/**
 * Opens everything the command of a job needs: its secrets, its workspace, its environment and its terminal.
 * @throws {ProblemError} `spawn_failed` when something is missing or not allowed.
 */
export async function prepareCommand(
  services: WorkerServices,
  { job, identity }: Attempt,
  spec: CommandSpec,
): Promise<PreparedLaunch> {
  const { dataDir, workRoots, environment, records, seal } = services;
  const sealed = await untilRedisAnswers(services, () => records.extra(job.id, 'sealed'));
  const secrets = sealed === null ? {} : openSecrets(() => seal.open(job.id, sealed), job.id);
  const { workspace, cwd } = openWorkspace({
    dataDir,
    jobId: job.id,
    workRoots,
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
  });
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
      cols: spec.cols ?? 80,
      rows: spec.rows ?? 24,
      ...(spec.stdin === undefined ? {} : { stdin: spec.stdin }),
    },
    services.terminals,
  );
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
