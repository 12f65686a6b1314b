import type { CommandResult, CommandSpec } from '../src/contract/job.ts';
import { ProblemError, problem } from '../src/contract/problem.ts';
import type { Attempt, Outcome } from './attempt.ts';
import { prepareCommand } from './prepare-command.ts';
import { publishOutput } from './publish-output.ts';
import { receiveControl } from './receive-control.ts';
import type { WorkerServices } from './services.ts';
import type { PreparedLaunch } from './terminal/launch.ts';
import type { CommandExit, RunningCommand } from './terminal/terminal.ts';

/**
 * Runs a command to its end: everything it writes becomes events, everything sent to it its input. Null:
 * ended before it began.
 */
export async function runCommand(
  services: WorkerServices,
  attempt: Attempt,
  spec: CommandSpec,
): Promise<Outcome | null> {
  try {
    const prepared = await prepareCommand(services, attempt, spec);
    try {
      return await run(services, attempt, prepared);
    } finally {
      prepared.discard(); // the terminal of a command that was never started
    }
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return { kind: 'failed', error: error.problem, result: null, usage: null };
  }
}

/** Tells of the start, and only then starts. */
async function run(
  services: WorkerServices,
  attempt: Attempt,
  prepared: PreparedLaunch,
): Promise<Outcome | null> {
  const { publisher, ending } = attempt;
  const { terminal, note } = prepared;
  if (ending.signal.aborted) return null;
  const landing = await publisher.start({
    type: 'job.started',
    data: { worker: services.id, terminal, sandbox: 'none', ...(note === undefined ? {} : { note }) },
  });
  if (landing !== 'stored') return { kind: 'refused', landing };
  if (!ending.start()) return null;
  const command = await prepared.start();
  attempt.limits.begin();
  return follow(services, attempt, command);
}

/** Reads the output to its end while input, cancel and time limits do their part. */
async function follow(services: WorkerServices, attempt: Attempt, command: RunningCommand): Promise<Outcome> {
  const { publisher, ending, job, identity } = attempt;
  const stopReceiving = receiveControl(
    {
      inbox: services.inbox,
      wake: services.wake,
      job: job.id,
      identity,
      emit: (draft) => publisher.emit(draft),
    },
    command,
  );
  // A fenced attempt must not keep its successor waiting; everyone else gets a chance to tidy up.
  const stop = () => command.terminate({ kill: ending.cause === 'fenced' });
  // What strikes while leftovers are cleared away comes too late: the command has ended by itself.
  void command.exited.then(() => ending.settle());
  if (ending.signal.aborted) stop();
  else ending.signal.addEventListener('abort', stop);
  try {
    const output = await publishOutput(attempt, command.output);
    return outcomeOf(attempt, await command.exit, { terminal: command.terminal, ...output });
  } finally {
    ending.signal.removeEventListener('abort', stop);
    stopReceiving();
    // After a fault of our own the command must not be left running; otherwise this finds nothing.
    command.terminate({ kill: true });
    await command.exit;
  }
}

function outcomeOf(
  { job }: Attempt,
  exit: CommandExit,
  rest: Pick<CommandResult, 'terminal' | 'outputBytes' | 'truncated'>,
): Outcome {
  const result: CommandResult = { ...exit, sandbox: 'none', ...rest };
  if (exit.exitCode === 0) return { kind: 'succeeded', result, usage: null };
  const how = exit.signal === null ? `ended with exit code ${exit.exitCode}` : `was ended by ${exit.signal}`;
  const error = problem('exit_nonzero', `The command of job ${job.id} ${how}. Its output says why.`);
  return { kind: 'failed', error, result, usage: null };
}
